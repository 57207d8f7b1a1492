"""Horizon's settings as data, where it is, and what a browser gets of it from HAProxy."""

import ast

import openstack_ha_cluster
import openstack_ha_glance as glance
import openstack_ha_haproxy as haproxy
import openstack_ha_horizon as horizon
import openstack_ha_horizon_system as system
import openstack_ha_secrets
import pytest
from support import ROOT, example

CERTIFICATE = "/etc/haproxy/vip.pem"


def view_of(cluster, node="ctl2"):
    cluster = openstack_ha_cluster.complete(cluster)
    seen = openstack_ha_cluster.view(cluster, node)
    own = {"id": node, **seen["nodes"][node]}
    controllers = openstack_ha_cluster.controllers(seen)
    return {**seen, "self": own, "controllers": controllers}


@pytest.fixture
def view():
    return view_of(example())


def settings_with(view, **more):
    return horizon.settings({**view, "horizon": {**view["horizon"], **more}})


def executed(found):
    """What Python makes of the lines, with the section's name for each secret."""
    lines = [
        "".join(one["secret"] if isinstance(one, dict) else one for one in pieces)
        for pieces in horizon.statements(found)
    ]
    known = {"HORIZON_CONFIG": {"plugins": [], "help_url": "theirs"}}
    exec("\n".join(lines), known)
    return known


def row(view):
    (found,) = [
        one
        for one in haproxy.listeners(system.SYSTEM["vip"], view, CERTIFICATE, 2)
        if one["name"] == "horizon"
    ]
    return found


def without(cluster):
    return {key: value for key, value in cluster.items() if key != "horizon"}


def test_it_is_where_its_section_is():
    complete = openstack_ha_cluster.complete(example())
    bare = openstack_ha_cluster.complete(without(example()))
    assert "horizon" in openstack_ha_cluster.systems(complete, "ctl1")
    assert "horizon" not in openstack_ha_cluster.systems(complete, "cmp1")
    assert "horizon" not in openstack_ha_cluster.all_systems(bare)
    assert (
        haproxy.listeners(system.SYSTEM["vip"], view_of(without(example())), CERTIFICATE, 2) == []
    )


def test_an_empty_section_is_all_of_its_defaults_and_none_is_a_fault():
    cluster = {**example(), "horizon": {}}
    assert openstack_ha_cluster.faults(cluster) == []
    assert openstack_ha_cluster.complete(cluster)["horizon"]["https_port"] == 443
    (fault,) = openstack_ha_cluster.faults({**cluster, "horizon": None})
    assert "`horizon: {}`" in fault


@pytest.mark.parametrize("node", ["sto1", "cmp1"])
def test_a_node_that_does_not_serve_it_knows_nothing_of_it(node):
    seen = openstack_ha_cluster.view(openstack_ha_cluster.complete(example()), node)
    assert "horizon" not in seen and "horizon" not in seen["secrets"]


def test_it_needs_a_key_where_it_is_and_is_given_one():
    cluster = example()
    del cluster["secrets"]["horizon"]
    (fault,) = openstack_ha_cluster.faults(cluster)
    assert fault.startswith("openstack_ha:secrets:horizon:secret_key: is missing")
    assert openstack_ha_cluster.faults(without(cluster)) == []
    complete = openstack_ha_cluster.complete(cluster)
    systems = openstack_ha_cluster.all_systems(complete)
    made = openstack_ha_secrets.generate(complete, systems)["horizon"]["secret_key"]
    assert len(made) == 32


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"options": {"DEBUG": True}}, "'DEBUG' is no setting for this place"),
        ({"options": {"SECRET_KEY": "x"}}, "secrets:horizon:secret_key"),
        ({"options": {"lower": 1}}, "'lower' is no setting"),
        ({"options": {"A\nB": 1}}, "is no setting"),
        ({"logo": "GIF89a"}, "is no text of an SVG file"),
        ({"title": "one\ntwo"}, "has a line break"),
        ({"hosts": ["*"]}, "'*' does not fit"),
        ({"session_timeout": 1}, "which is allowed"),
        ({"failed_logins": 0}, "which is allowed"),
    ],
)
def test_a_fault_of_the_section_is_named(section, told):
    (fault,) = openstack_ha_cluster.faults({**example(), "horizon": section})
    assert fault.startswith("openstack_ha:horizon") and told in fault


def test_sessions_are_the_browsers_own_signed_by_one_key(view):
    found = horizon.settings(view)
    assert found["SESSION_ENGINE"] == "django.contrib.sessions.backends.signed_cookies"
    assert found["SECRET_KEY"] == {"secret": "horizon:secret_key"}
    assert found["SESSION_TIMEOUT"] == found["SESSION_COOKIE_AGE"] == 3600
    # Debian's own snippet would have the cache say who somebody is, each process by itself.
    assert "11211" not in repr(found)


def test_cookies_are_for_tls_and_this_site(view):
    found = horizon.settings(view)
    assert found["SESSION_COOKIE_HTTPONLY"] is True
    for kind in ("SESSION", "CSRF", "LANGUAGE"):
        assert found[f"{kind}_COOKIE_SECURE"] is True
        assert found[f"{kind}_COOKIE_SAMESITE"] == "Lax"
    clear = horizon.settings({**view, "tls": {"plain_http": True}})
    assert clear["SESSION_COOKIE_SECURE"] is False
    assert "SECURE_PROXY_SSL_HEADER" not in clear


def test_nobody_sees_what_goes_on_inside(view):
    found = settings_with(view, options={"SESSION_REFRESH": False})
    assert found["DEBUG"] is False
    assert found["ALLOWED_HOSTS"] == ["cloud.example.org", "172.29.80.100"]


def test_the_site_is_called_as_the_pillar_says(view):
    found = settings_with(view, title="Büro", hosts=["cloud.example.com"], domains=["a", "b"])
    assert found["SITE_BRANDING"] == "Büro"
    assert found["ALLOWED_HOSTS"][1] == "cloud.example.com"
    assert found["OPENSTACK_KEYSTONE_MULTIDOMAIN_SUPPORT"] is True
    assert found["OPENSTACK_KEYSTONE_DOMAIN_CHOICES"] == [["a", "a"], ["b", "b"]]
    assert "OPENSTACK_KEYSTONE_MULTIDOMAIN_SUPPORT" not in horizon.settings(view)


def test_the_lines_are_python_and_what_they_say_is_what_was_meant(view):
    found = settings_with(
        view,
        title='a "b" \\ \N{GREEK SMALL LETTER ALPHA}',
        options={"SESSION_REFRESH": False, "HORIZON_CONFIG": {"help_url": "ours"}, "WEBROOT": "/x"},
    )
    known = executed(found)
    assert known["SECRET_KEY"] == "horizon:secret_key"
    assert known["HORIZON_CONFIG"] == {"plugins": [], "help_url": "ours"}
    assert known["WEBROOT"] == "/x"
    same = set(found) - {"SECRET_KEY", "HORIZON_CONFIG"}
    assert {name: known[name] for name in same} == {name: found[name] for name in same}
    assert all(
        isinstance(one, dict) or one.isascii() for line in horizon.statements(found) for one in line
    )


def test_the_browser_gives_images_to_glance(view):
    assert horizon.settings(view)["HORIZON_IMAGES_UPLOAD_MODE"] == "direct"
    paste = glance.files(view, 4)["glance-api-paste.ini"]
    assert paste["pipeline:glance-api"]["pipeline"].startswith("cors healthcheck ")
    assert paste["filter:cors"]["allowed_origin"] == "https://cloud.example.org"
    bare = glance.files(view_of(without(example())), 4)["glance-api-paste.ini"]
    assert "filter:cors" not in bare
    assert "cors" not in bare["pipeline:glance-api"]["pipeline"]


def test_nothing_is_asked_of_neutron_which_is_not_there(view):
    """The overview asks for its quotas without a look into the catalog, and failed with 500."""
    network = horizon.settings(view)["OPENSTACK_NEUTRON_NETWORK"]
    assert network["enable_quotas"] is network["enable_router"] is False
    assert set(network.values()) == {False}


@pytest.mark.parametrize(
    ("ports", "tls", "expected"),
    [
        ({}, {}, "https://cloud.example.org"),
        ({"https_port": 8443}, {}, "https://cloud.example.org:8443"),
        ({}, {"plain_http": True}, "http://cloud.example.org"),
        ({"http_port": 8000}, {"plain_http": True}, "http://cloud.example.org:8000"),
    ],
)
def test_an_origin_has_no_port_that_browsers_take_anyway(view, ports, tls, expected):
    view = {**view, "tls": tls, "horizon": {**view["horizon"], **ports}}
    assert horizon.origins(view) == [expected]


def test_uwsgi_leaves_the_vips_ports_to_haproxy_and_serves_files_of_its_own(view):
    uwsgi = horizon.files(view, 4)["openstack_ha-uwsgi.ini"]["uwsgi"]
    assert uwsgi["http-socket"] == "172.29.80.12:8010"
    assert uwsgi["static-map"] == f"/static={horizon.STATIC}"
    assert uwsgi["env"].endswith(horizon.STATIC)
    name = uwsgi["wsgi-file"].rpartition("/")[2]
    source = (ROOT / "openstack_ha/horizon/files" / name).read_text(encoding="utf-8")
    assert "application" in {
        one.name for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)
    }


def test_static_files_follow_from_the_logo_and_the_options_alone(view):
    options = view["horizon"]
    known = horizon.site(options)
    assert horizon.site({**options, "title": "another", "session_timeout": 60}) == known
    assert horizon.site({**options, "logo": "<svg/>"}) != known
    assert horizon.site({**options, "options": {"DEFAULT_THEME": "material"}}) != known


def test_http_leads_to_https(view):
    options = row(view)["options"]
    assert options[:3] == [
        f"bind 172.29.80.100:443 ssl crt {CERTIFICATE} alpn http/1.1",
        "bind 172.29.80.100:80",
        "http-request redirect prefix https://cloud.example.org code 301 unless { ssl_fc }",
    ]
    assert row(view)["servers"][0] == "server ctl1 172.29.80.11:8010 cookie ctl1"


def test_without_tls_there_is_one_port_and_nothing_that_tls_would_ask_for(view):
    options = row({**view, "tls": {"plain_http": True}})["options"]
    assert options[0] == "bind 172.29.80.100:80"
    text = "\n".join(options)
    assert not any(
        word in text for word in ("redirect prefix", "Strict-Transport", " secure", ":443")
    )


def test_browsers_are_told_to_protect_who_sees_a_page(view):
    text = "\n".join(row(view)["options"])
    assert "Strict-Transport-Security max-age=31536000 if { ssl_fc }" in text
    assert "frame-ancestors" in text and "X-Content-Type-Options 'nosniff'" in text
    assert "http-request del-header X-Forwarded-For" in text


def test_failed_logins_are_counted_and_an_address_waits(view):
    view = {**view, "horizon": {**view["horizon"], "failed_logins": 7}}
    options = row(view)["options"]
    tries = "METH_POST { path,url_dec -m str /auth/login/ }"
    assert f"http-request track-sc0 src if {tries}" in options
    (limit,) = [one for one in options if "status 429" in one]
    assert limit.endswith(f"if {tries} {{ sc0_gpc0_rate ge 7 }}")
    assert "Too many failed logins" in limit and "Retry-After 60" in limit
    # A form that comes back is a password that was wrong.
    assert "http-response sc-inc-gpc0(0) if { status 200 }" in options


def test_a_check_that_makes_a_page_is_seldom_and_has_time(view):
    options = row(view)["options"]
    assert "timeout check 5s" in options
    assert "inter 5000" in options[-1]


def test_a_row_with_an_unknown_word_about_logins_is_named(view):
    (own,) = system.SYSTEM["vip"]
    with pytest.raises(ValueError, match="horizon: unknown key most"):
        haproxy.listeners([{**own, "login": {"path": "/", "most": 1}}], view, CERTIFICATE, 2)
