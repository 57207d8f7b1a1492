"""
Why a cluster file does not render: line, column and reason, without a word of the file, which holds
secrets.
"""

# What the beginning of YAML's own words means to who writes the file.
REASONS = {
    "found conflicting ID": "a key stands twice in one mapping; keep one of them",
    "mapping values are not allowed": "a colon where no key can be; put a value that has ': ' in "
    "it in quotes, and compare the indentation with the line before",
    "could not find expected ':'": "a key without its colon, or a text that breaks off; compare "
    "the indentation with the lines before",
    "Illegal tab character": "a tab; indent with spaces",
    "found character": "a character that begins no value, such as a tab, @, ` or %; indent with "
    "spaces, and put the value in quotes",
    "found a tab": "a tab; indent with spaces",
    "found undefined alias": "a value that begins with *; put it in quotes",
    "could not determine a constructor": "a value that begins with !; put it in quotes",
    "found unexpected end of stream": "a quote that is not closed",
    "found unexpected document": "a quote that is not closed",
    "found unknown escape": "a backslash in double quotes; take single quotes",
    "did not find expected ','": "brackets that are not closed, or a comma that is missing",
    "did not find expected node": "brackets that are not closed, or nothing where a value must be",
    "did not find expected key": "an indentation that does not fit the lines before",
    "did not find expected '-'": "an indentation that does not fit the list before",
    "did not find expected <document start>": "a second value behind the first one's end",
    "found unacceptable key": "braces or brackets as a key; put a value with {{ }} in quotes",
    "Invalid YAML, possible double": "braces as a key; put a value with {{ }} in quotes",
    "special characters are not allowed": "a control character",
    "control characters are not allowed": "a control character",
}
UNCLEAR = "it is no YAML; compare the indentation and the quotes with pillar.example"
# Of Jinja's errors, by the name of their class.
OF_JINJA = {
    "UndefinedError": "Jinja: a variable that is not defined, or has no such key",
    "TemplateSyntaxError": "Jinja: a tag or an expression that is not closed, or is no Jinja; put "
    "a secret that has {{, {% or {# in it between {% raw %} and {% endraw %}",
    "TemplateNotFound": "Jinja: a file that is imported or included is not there",
    "SecurityError": "Jinja: something that templates may not do",
}


def text(error, content):
    """
    Return line, column and reason of an error as the end of a sentence.

    error
        What was raised; the errors that it was raised for are looked through.

    content
        The file's text, of which nothing is in the answer.
    """
    chain = list(_chain(error))
    marked = next((one for one in chain if getattr(one, "problem_mark", None)), None)
    jinja = next((one for one in chain if type(one).__name__ in OF_JINJA), None)
    if marked is not None and jinja is None:
        mark = marked.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}"
        # YAML sees what Jinja has made.
        made = " of what Jinja makes of it" if "{%" in content or "{#" in content else ""
        return f"{place}{made}: {_reason(str(marked.problem))}"
    line = getattr(jinja, "lineno", None) or getattr(error, "line_num", None)
    place = f"line {line}: " if line else ""
    if jinja is not None:
        return f"{place}{OF_JINJA[type(jinja).__name__]}"
    return f"{place}{_reason(str(getattr(error, 'error', '')), type(chain[-1]).__name__)}"


def _chain(error):
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        inner = getattr(error, "error", None)
        if isinstance(inner, BaseException):
            yield inner
        error = error.__cause__ or error.__context__


def _reason(problem, kind=None):
    for beginning, words in REASONS.items():
        if problem.startswith(beginning):
            return words
    if kind is None:
        return UNCLEAR
    return f"a renderer failed with {kind}: `salt-run --log-level=debug openstack_ha.check`"
