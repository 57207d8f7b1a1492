"""
What of a master's configuration would be lost, and to which file.

Salt reads ``/etc/salt/master``, over it the files of ``master.d``, and over these the ones that an
``include`` names. It merges the files of ``master.d`` with each other, mappings and lists; of the
three the last one has the word, key by key:
https://github.com/saltstack/salt/blob/v3008.3/salt/config/__init__.py
"""

# Where a file comes from. ``default`` is what Salt takes where no file has a key.
MASTER, MERGED, INCLUDED, DEFAULT = "master", "merged", "included", "default"
# By which the formula itself comes, whether or not its own file has them.
FILE_SERVER = ("file_roots", "fileserver_backend", "gitfs_remotes")
GIT = ("git", "gitfs")
PYGIT2, GITPYTHON, GITCLI = "pygit2", "gitpython", "gitcli"
# From this one on Salt's gitfs fails with it.
BROKEN_PYGIT2 = (1, 21)
WAY_OUT = "set gitfs_provider: gitcli, which needs the program git and nothing else"


def lost(files, effective, own):
    """
    Return what would be lost of a configuration, a line for each key of a file.

    files
        What each file says, in the order in which Salt reads them: a list of ``{"path", "kind",
        "content"}``.

    effective
        What Salt makes of all of them.

    own
        The path of the formula's own file, which is one of them.

    What one word of a file says in place of another's is no loss: that is what a later file is for.
    """
    (ours,) = [one["content"] for one in files if one["path"] == own]
    said = [key for one in files if one["path"] != own for key in one["content"]]
    found = []
    for place, one in enumerate(files):
        for key in dict.fromkeys([*ours, *FILE_SERVER]):
            value = one["content"].get(key)
            is_ended = one["kind"] == DEFAULT and said.count(key) > 1
            is_word = one["path"] != own and not isinstance(value, (dict, list))
            if key not in one["content"] or is_ended or is_word:
                continue
            less = _less(value, effective.get(key))
            if less not in (None, {}, []):
                others = [later for later in files[place + 1 :] if key in later["content"]]
                found.append(_line(one, key, less, others, own))
    return found


def unread(own, patterns):
    """
    Return why Salt would not read the formula's own file.

    own
        Its path.

    patterns
        The master's ``default_include``.
    """
    return (
        f"{own} would not be read, since default_include is {', '.join(patterns)}; "
        f"let it be {own.rpartition('/')[0]}/*.conf"
    )


def git_fault(config, versions):
    """
    Return why the master cannot serve files from git, None where it can or need not.

    config
        The master's configuration.

    versions
        ``{"pygit2", "gitpython", "git"}``: the version of each, or None where it is not installed.
    """
    backends = config.get("fileserver_backend") or []
    if not set(backends) & set(GIT):
        return None
    provider = str(config.get("gitfs_provider") or _first(versions)).lower()
    if provider == PYGIT2 and _is_broken(versions[PYGIT2]):
        return (
            f"gitfs_provider: Salt's gitfs fails with pygit2 {versions[PYGIT2]}, which takes no "
            f"file into a repository's configuration any more; {WAY_OUT}"
        )
    if provider in (PYGIT2, GITPYTHON) and not versions[provider]:
        return f"gitfs_provider: {provider} is not in Salt's Python; {WAY_OUT}"
    if provider in (GITPYTHON, GITCLI) and not versions["git"]:
        return (
            f"fileserver_backend: gitfs by {provider} needs the program git: `apt-get install git`"
        )
    return None


def _first(versions):
    """Whom Salt takes by itself."""
    return next((one for one in (PYGIT2, GITPYTHON) if versions[one]), GITCLI)


def _is_broken(version):
    numbers = [int(one) for one in (version or "0").split(".")[:2] if one.isdigit()]
    return tuple(numbers) >= BROKEN_PYGIT2


def _less(part, whole):
    """What of a value another one has not, in its own shape."""
    if isinstance(part, dict) and isinstance(whole, dict):
        less = {key: _less(value, whole.get(key)) for key, value in part.items()}
        return {key: value for key, value in less.items() if value not in (None, {}, [])}
    if isinstance(part, list) and isinstance(whole, list):
        return [one for one in part if one not in whole]
    return None if part == whole else part


def _line(one, key, less, others, own):
    """One key of a file and its way out."""
    folder = own.rpartition("/")[0]
    if one["kind"] == DEFAULT:
        roots = ", ".join(less["base"])
        return (
            f"{key}: no file has it, and Salt's own, {roots}, ends with the first file that has; "
            f"write `{key}: {{base: [{roots}]}}` into {folder}/formula.conf"
        )
    what = f"{one['path']}: {key}{_names(less)} would be lost"
    if others:
        what += f", since {', '.join(other['path'] for other in others)} has it too"
    outside = [other["path"] for other in (one, *others) if other["kind"] != MERGED]
    if not outside or not isinstance(less, (dict, list)):
        return f"{what}; take it out of there"
    return (
        f"{what} and Salt merges nothing but the files of {folder}; move {key} of "
        f"{', '.join(outside)} into {folder}/site.conf"
    )


def _names(value):
    """Names, by which a person knows what is meant; what stands below them may be secret."""
    entries = value if isinstance(value, list) else [value]
    names = [str(name) for entry in entries if isinstance(entry, dict) for name in entry]
    return f" ({', '.join(names)})" if names else ""
