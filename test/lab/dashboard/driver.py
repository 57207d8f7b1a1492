"""
A person before a real browser, headless, through the VIP.

Runs in the lab's host with a browser, by its own Python: `driver.py TASK.json`. It reads orders as
lines of JSON, `{"do": name, ...}`, does one after another in the same browser, and answers each
with a line, `{"result": ..}` or `{"error": .., "page": ..}`.
"""

import base64
import json
import sys
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

# Seconds, of a busy machine.
PATIENCE = 300
SHAPE = "1280,1000"
# What Horizon says of something that does not work.
ERRORS = ".alert-danger, .alert-error, .toast-error"
SUCCESS = ".alert-success"
FILE = "input[type=file]"
NO_ELEMENT = "does not belong to the document"


class Person:
    """What somebody does who has a browser."""

    def __init__(self, task):
        self.task = task
        options = webdriver.ChromeOptions()
        for one in ("headless=new", "no-sandbox", "disable-dev-shm-usage", f"window-size={SHAPE}"):
            options.add_argument(f"--{one}")
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(PATIENCE)

    def log_in(self, user=None, password=None):
        """Log in; whether that was believed, and what the page says."""
        self.open("/auth/login/")
        if not self._find("#id_username"):
            return {"is_in": False, "text": self._text()}
        self._one("#id_username").clear()
        self._one("#id_username").send_keys(user or self.task["user"])
        self._one("#id_password").send_keys(password or self.task["password"])
        before = self.driver.find_element(By.TAG_NAME, "html")
        self._one("#loginBtn").click()
        self._until(lambda: _is_gone(before) and self._is_loaded(), "an answer to the login")
        return {"is_in": self._is_in(), "text": self._text()}

    def open(self, path):
        """Open a page of the dashboard; return what it shows."""
        self.driver.get(self.task["url"] + path)
        self._until(self._is_loaded, f"the page {path}")
        return self.seen()

    def click_once(self, path, patience):
        """Open a page as somebody who waits for so many seconds: whether it came, and who is in."""
        self.driver.set_page_load_timeout(patience)
        try:
            self.driver.get(self.task["url"] + path)
            came = bool(self._find("body.ng-scope, #main_content, .topbar"))
            return {"came": came, "in": self._is_in(), "why": "" if came else self._text()}
        except WebDriverException as exc:
            return {"came": False, "in": None, "why": str(exc.msg)}
        finally:
            self.driver.set_page_load_timeout(PATIENCE)

    def seen(self):
        """What the page shows: its address, title, menu and errors."""
        return {
            "url": self.driver.current_url,
            "title": self.driver.title,
            "menu": [one.get_attribute("textContent").strip() for one in self._find("#sidebar a")],
            "errors": self._errors(),
            "text": self._text(),
        }

    def _errors(self):
        """What the page says of something that does not work."""
        found = [one.text for one in self._find(ERRORS) if one.is_displayed()]
        # Horizon's page of an error has neither an alert nor a menu.
        return found if self._find(".topbar, #loginBtn") else [*found, self._text()]

    def cookies(self):
        """The cookies that the browser keeps for the page, by name, without their values."""
        return {
            one["name"]: {**one, "value": len(one["value"])} for one in self.driver.get_cookies()
        }

    def stuck_to(self, name):
        """The value of the cookie by which HAProxy finds a server again."""
        found = self.driver.get_cookie(name)
        return found and found["value"]

    def picture(self):
        """A picture of the page, as PNG in base64."""
        return self.driver.get_screenshot_as_base64()

    def launch(self, name, image, flavor):
        """Launch a machine as the wizard asks for it; return its steps' names, and its errors."""
        self.open("/project/instances/")
        self._click("#instances__action_launch-ng")
        self._until(lambda: self._shown(".modal .wizard-nav, wizard .step"), "the wizard")
        steps = self._texts(".wizard-nav a, .nav-pills a")
        self._fill("input[name=name], #name", name)
        self._step("Source")
        self._choose(image)
        self._step("Flavor")
        self._choose(flavor)
        errors = self._errors()
        self._click(".modal-footer .btn-primary.finish, .modal .finish")
        self._until(lambda: not self._shown(".modal .finish"), "the wizard to be done")
        return {"steps": steps, "errors": errors}

    def machine(self, name):
        """What the table of machines says of one: the texts of its row's cells, and its actions."""
        self.open("/project/instances/")
        for row in self._find("#instances tbody tr"):
            cells = [one.text for one in row.find_elements(By.TAG_NAME, "td")]
            if any(name in cell.split() for cell in cells):
                actions = row.find_elements(
                    By.CSS_SELECTOR, ".actions_column a, .actions_column button"
                )
                link = row.find_element(By.CSS_SELECTOR, "a[href*='/project/instances/']")
                return {
                    "cells": cells,
                    "actions": [one.get_attribute("textContent").strip() for one in actions],
                    "url": link.get_attribute("href").removeprefix(self.task["url"]),
                }
        return None

    def tabs(self, url):
        """The tabs of a machine's page."""
        self.open(url)
        return self._texts(".tab-content, .nav-tabs a")

    def console(self, url):
        """Open a machine's console, and wait until its screen shows something."""
        self.open(f"{url}?tab=instance_details__console")
        frame = self._until(lambda: self._shown("iframe#console_embed"), "the console's frame")[0]
        self.driver.switch_to.frame(frame)
        try:
            self._until(self._is_drawn, "a screen")
        finally:
            self.driver.switch_to.default_content()
        return self.seen()

    def upload_image(self, name, path):
        """Upload an image from the browser's own disk, which gives it to Glance itself."""
        self.open("/project/images/")
        self._click(
            "hz-generic-action-create, .table-actions button, button.btn-default", "Create Image"
        )
        self._until(
            lambda: self._shown(".modal input[name=name], .modal #imageForm-name"), "the form"
        )
        self._fill(".modal input[name=name], #imageForm-name", name)
        self._choose_file(path)
        for one in self._find(".modal select"):
            choices = [option.text for option in Select(one).options]
            if any(choice.startswith("Raw") for choice in choices):
                Select(one).select_by_visible_text(next(c for c in choices if c.startswith("Raw")))
        self._click(".modal .finish, .modal-footer .btn-primary")
        self._until(lambda: not self._shown(".modal"), "the upload to be done")
        return self.seen()

    def put_object(self, container, path):
        """Make a container, and put a file into it."""
        self.open("/project/containers/")
        self._click("button", "Container")
        field = self._fill(".modal input[name=name]", container)
        # Horizon asks whether there is one of this name, and sends "undefined" before it knows.
        self._until(lambda: self._taken(field) == container, "an answer about the name")
        # One is chosen already where the page has learnt of them before the form is opened.
        self._until(self._policies, "a storage policy")[-1].click()
        self._click(".modal .btn-primary, .modal button[type=submit]")
        # The form is away before the container is there.
        self._until(lambda: self._shown(SUCCESS), "the container")
        self.open(f"/project/containers/container/{container}")
        # In the list and over what is in it: Horizon takes a file before it knows whereto, and then
        # says that it uploads for ever.
        self._until(lambda: self._text().count(container) > 1, "the container's own list")
        self._click("button:has(.fa-upload)")
        self._choose_file(path)
        field = self._one(".modal input[name=name]")
        name = path.rpartition("/")[2]
        self._until(lambda: self._taken(field) == name, "an answer about the file's name")
        self._click(".modal .btn-primary, .modal button[type=submit]")
        self._until(lambda: self._shown(SUCCESS), "the object")
        return self.seen()

    def log_out(self):
        """Log out; whether a page of those who are in leads to the login then."""
        self.open("/auth/logout/")
        return "/auth/login/" in self.open("/identity/")["url"]

    def _choose_file(self, path):
        """Give a form a file, by a field that stands hidden at the page's end."""
        self._until(lambda: self._find(FILE), "the field of a file")[-1].send_keys(path)

    def _one(self, selector):
        return self._until(lambda: self._shown(selector), selector)[0]

    def _is_in(self):
        """Whether the page is one of those that only who has logged in sees."""
        return bool(self._find(".topbar")) and not self._find("#id_password")

    def _find(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def _texts(self, selector):
        def read():
            return [one.text.strip() for one in self._find(selector) if one.text]

        return self._until(read, selector)

    def _shown(self, selector):
        try:
            return [one for one in self._find(selector) if one.is_displayed()]
        except StaleElementReferenceException:
            return []

    def _click(self, selector, text=""):
        def there():
            found = [one for one in self._shown(selector) if text in one.text and one.is_enabled()]
            return found or None

        def click():
            # It may be another one of the same kind by now, or gone for a moment.
            for element in there() or ():
                script = "arguments[0].scrollIntoView({block: 'center'})"
                self.driver.execute_script(script, element)
                element.click()
                return True
            return False

        self._until(there, f"{selector} {text}")
        self._until(lambda: not self._shown(".modal-backdrop.loading, .loading-modal"), "a page")
        self._until(click, f"{selector} {text}")

    def _fill(self, selector, text):
        field = self._one(selector)
        field.clear()
        field.send_keys(text)
        return field

    def _policies(self):
        return [one for one in self._find(".modal select option") if one.text]

    def _taken(self, field):
        """What a form would send of a field."""
        script = "return angular.element(arguments[0]).controller('ngModel').$modelValue"
        return self.driver.execute_script(script, field)

    def _step(self, name):
        self._click(".wizard-nav a, .nav-pills a, .modal a", name)

    def _choose(self, name):
        """Take a row of the wizard's table of what there is."""

        def take():
            for row in self._shown(".modal tr"):
                if name in row.text:
                    found = row.find_elements(By.CSS_SELECTOR, "button .fa-arrow-up, .fa-arrow-up")
                    if found and found[0].is_displayed():
                        found[0].click()
                        return True
            return False

        self._until(take, f"{name} among what there is")

    def _is_loaded(self):
        return self.driver.execute_script("return document.readyState") == "complete"

    def _is_drawn(self):
        """Whether noVNC's canvas has more than one colour."""
        script = """
            const canvas = document.querySelector('canvas');
            if (!canvas || !canvas.width) { return 0; }
            const {width, height} = canvas;
            const all = canvas.getContext('2d').getImageData(0, 0, width, height).data;
            const seen = new Set();
            for (let at = 0; at < all.length && seen.size < 2; at += 4) {
                seen.add(all[at] << 16 | all[at + 1] << 8 | all[at + 2]);
            }
            return seen.size;
        """
        return self.driver.execute_script(script) > 1

    def _text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def _until(self, condition, what):
        """Wait for something, far longer than it takes, and return it."""
        try:
            return WebDriverWait(
                self.driver, PATIENCE, ignored_exceptions=(StaleElementReferenceException,)
            ).until(lambda _: condition())
        except WebDriverException as exc:
            raise LookupError(f"{what} did not come within {PATIENCE} s: {exc.msg}") from exc


def _is_gone(element):
    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    except WebDriverException as exc:
        # How Chromium says it while the next page comes in.
        if NO_ELEMENT in exc.msg:
            return True
        raise
    return False


def main(task_file):
    with open(task_file, encoding="utf-8") as source:
        person = Person(json.load(source))
    print(json.dumps({"result": "ready"}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        begin = time.monotonic()
        try:
            answer = {"result": getattr(person, order.pop("do"))(**order)}
        except (WebDriverException, LookupError, StopIteration) as exc:
            page = person.driver.current_url
            answer = {
                "error": f"{type(exc).__name__}: {exc}",
                "page": page,
                "text": person._text()[:2000],
                "picture": base64.b64encode(person.driver.get_screenshot_as_png()).decode(),
            }
        print(json.dumps({**answer, "seconds": time.monotonic() - begin}), flush=True)
    person.driver.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
