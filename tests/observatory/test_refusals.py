"""What is refused: foreign hosts and origins, rebinding, missing tokens, replayed keys, frames."""

from __future__ import annotations

import pytest

from tests.observatory.conftest import Client


def test_a_host_that_is_not_ours_is_refused_for_reads_too(empty: Client) -> None:
    for host in ("desk.example", f"desk.example:{empty.netloc.partition(':')[2]}", "127.0.0.1", ""):
        assert empty.get("/", {"Host": host}).status in (400, 421), host


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "none"},
        {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_form_of_another_page_is_refused(empty: Client, headers: dict[str, str]) -> None:
    assert empty.post("/halt", empty.fields(), headers).status == 403


def test_a_form_that_does_not_say_whose_it_is_is_refused(empty: Client) -> None:
    body = f"token={empty.fields()['token']}"

    assert empty.ask("POST", "/halt", {"Cookie": empty.cookie}, body).status == 403


@pytest.mark.parametrize("token", [{}, {"token": ""}, {"token": "x" * 43}, {"token": "\u2603"}])
def test_a_form_without_the_sessions_token_is_refused(empty: Client, token: dict[str, str]) -> None:
    assert empty.post("/halt", {"once": "0" * 32, **token}).status == 403


def test_without_a_session_no_page_and_no_stream_is_shown(empty: Client) -> None:
    answers = [empty.ask("GET", path) for path in ("/", "/stream?of=strip", "/flatten", "/nope")]

    assert [one.status for one in answers] == [401] * 4
    assert all("token" not in one.text for one in answers)


def test_a_key_is_good_once(empty: Client) -> None:
    again = empty.ask("GET", empty.entry.removeprefix(f"http://{empty.netloc}"))

    assert again.status == 403
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_other_sites_may_only_link_here(empty: Client, headers: dict[str, str]) -> None:
    assert empty.get("/", headers).status == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(empty: Client, method: str) -> None:
    assert empty.get("/").status == 200
    assert empty.ask(method, "/", {"Cookie": empty.cookie}).status in (400, 405)


def test_no_action_is_done_by_get(empty: Client) -> None:
    assert empty.get("/halt").status in (404, 405)


def test_a_form_that_is_too_large_is_refused(empty: Client) -> None:
    assert empty.post("/halt", {"token": "x" * 70_000}).status == 413


@pytest.mark.parametrize("path", ["/", "/nope", "/static/observatory.css", "/flatten"])
def test_every_answer_has_the_policy_and_is_not_kept(empty: Client, path: str) -> None:
    headers = empty.get(path).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


def test_the_cookie_is_for_this_server_alone(empty: Client) -> None:
    assert empty.cookie.startswith(f"qe_observatory_{empty.netloc.partition(':')[2]}=")


@pytest.mark.parametrize("of", ["", "strip,", "nope:", "strip@x", "a b", ",".join(["strip"] * 9)])
def test_a_stream_of_something_else_is_refused(empty: Client, of: str) -> None:
    assert empty.get(f"/stream?of={of.replace(' ', '%20')}").status == 400
