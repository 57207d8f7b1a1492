"""
People who look at the dashboard, all at once; prints how long each page took to its first byte.

Runs in the lab's client with its own Python: `visitors.py TASK.json`.
"""

import concurrent.futures
import html.parser
import json
import statistics
import sys
import time

import requests

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
LOGIN, TIMEOUT = "/auth/login/", 60
PAGES = {"login": LOGIN, "overview": "/project/"}
PATIENCE = 600


class Token(html.parser.HTMLParser):
    """What a form has to bring back."""

    value = None

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "input" and found.get("name") == "csrfmiddlewaretoken":
            self.value = found["value"]


def logged_in(task):
    """Return the cookies of somebody who has logged in."""
    session = requests.Session()
    session.verify = CA_BUNDLE
    url = task["url"] + LOGIN
    form = Token()
    form.feed(session.get(url, timeout=TIMEOUT).text)
    data = {
        "csrfmiddlewaretoken": form.value,
        "username": task["user"],
        "password": task["password"],
        "region": "default",
    }
    answer = session.post(
        url, data, headers={"Referer": url}, timeout=TIMEOUT, allow_redirects=False
    )
    if answer.status_code != requests.codes.found:
        raise SystemExit(f"the login was answered with {answer.status_code}")
    return session.cookies


def look(task, path, cookies, end):
    """One person's looks at a page until the end: milliseconds, None for each that failed."""
    session = requests.Session()
    session.verify = CA_BUNDLE
    session.cookies.update(cookies)
    found = []
    while time.monotonic() < end:
        begin = time.monotonic()
        try:
            answer = session.get(
                task["url"] + path, timeout=TIMEOUT, stream=True, allow_redirects=False
            )
            next(answer.iter_content(1))
            took = 1000 * (time.monotonic() - begin)
            found.append(took if answer.status_code == requests.codes.ok else None)
            answer.close()
        except (requests.RequestException, StopIteration):
            found.append(None)
    return found


def told(looks):
    """Return what came of all looks at a page."""
    good = sorted(one for one in looks if one is not None)
    return {
        "answers": len(good),
        "failed": len(looks) - len(good),
        "median": statistics.median(good) if good else 0,
        "most": good[int(0.95 * (len(good) - 1))] if good else 0,
        "longest": good[-1] if good else 0,
    }


def main(task_file):
    with open(task_file, encoding="utf-8") as source:
        task = json.load(source)
    cookies, found = logged_in(task), {}
    for page, path in PAGES.items():
        own = requests.cookies.RequestsCookieJar() if path == LOGIN else cookies
        end = time.monotonic() + task["seconds"]
        with concurrent.futures.ThreadPoolExecutor(task["people"]) as pool:
            all_of_them = [pool.submit(look, task, path, own, end) for _ in range(task["people"])]
            looks = [one for each in all_of_them for one in each.result(PATIENCE)]
        found[page] = told(looks)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
