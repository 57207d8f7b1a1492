"""Where a failing lab test's evidence goes."""

import kept


def test_a_tests_name_becomes_a_folder_of_its_own():
    name = "test/lab/test_serving.py::test_everything_works_through_the_vip[http]"
    folder = kept.place(name)
    assert folder.parent == kept.FOLDER
    assert folder.name.endswith("test_everything_works_through_the_vip-http")


def test_a_run_begins_without_what_an_earlier_one_left(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "lab")
    for number in range(kept.TESTS):
        (kept.FOLDER / str(number)).mkdir(parents=True)
    assert "first" in kept.of("none", "test")
    kept.forget()
    assert not kept.FOLDER.exists()


def test_a_lab_that_is_not_there_hides_no_failure(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    monkeypatch.setattr(kept.Lab, "load", lambda name: 1 / 0)
    assert kept.of("none", "test").startswith("not kept: ZeroDivisionError")
