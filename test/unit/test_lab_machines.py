"""What the lab's virtual machines say on their consoles."""

from machines.cloud import pings, said

CONSOLE = """[    1.0] Linux
udhcpc: lease of 10.20.0.4 obtained
LAB address = 10.20.0.4
[    2.0] a word of the kernel's LAB user-data = ping 10.20.0.9
LAB user-data = get http://192.0.2.1/
LAB ping 10.20.0.9 = 3 answered, 1 lost
LAB metadata = none\r
LAB get http://192.0.2.1/ = 192.0.2.7
LAB ping 10.20.0.9 = 4 answered, 1 lost
LAB metadata = i-00000001\r
LAB alive
"""


def test_the_last_word_counts_and_user_data_has_every_line():
    words = said(CONSOLE)
    assert words["metadata"] == "i-00000001"
    assert words["address"] == "10.20.0.4"
    assert words["user-data"] == ["ping 10.20.0.9", "get http://192.0.2.1/"]
    assert "alive" not in words


def test_pings_are_counted_and_those_of_nobody_are_none():
    words = said(CONSOLE)
    assert pings(words, "10.20.0.9") == (4, 1)
    assert pings(words, "10.20.0.8") == (0, 0)
