"""A server is asked within bounds, in the form that it takes, and what goes wrong is one clear line."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from diptych.engine.errors import Cancelled, InputError
from diptych.engine.messages import AGAIN
from diptych.engine.remote.address import Address
from diptych.engine.remote.answers import Answer
from diptych.engine.remote.server import Asked, Server, Trouble

from .started import Started

KEY = "sk-very-secret-0123456789"
SCHEMA: dict[str, object] = {"type": "object"}
Start = Callable[..., Started]


def address(url: str, **options: Any) -> Address:
    usual: dict[str, Any] = {"model": "tiny", "api_key_env": "", "timeout_seconds": 20.0, "at_once": 4}
    return Address.of(url=url, **(usual | options))


def asked(text: str = "a boat", **options: Any) -> Asked:
    messages = ({"role": "system", "content": "Plan."}, {"role": "user", "content": text})
    usual: dict[str, Any] = {"seed": 7, "max_tokens": 50, "temperature": 0.5, "schema": SCHEMA}
    return Asked(messages=messages, **(usual | options))


def ask(url: str, *questions: Asked, **options: Any) -> list[Answer | Trouble]:
    return Server(address(url, **options)).ask(questions or [asked()])


def reason(url: str, **options: Any) -> str:
    (found,) = ask(url, **options)
    assert isinstance(found, Trouble), found
    assert "\n" not in found.reason and len(found.reason) < 700
    return found.reason


def test_an_answer_says_which_model_gave_it(start: Start) -> None:
    server = start()
    (found,) = ask(server.url)
    assert isinstance(found, Answer) and found.by == "tiny (fp_7)" and '"a boat"' in found.text
    (body,) = server.bodies
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA and body["seed"] == 7


@pytest.mark.parametrize(
    ("refuses", "format"),
    [
        (["json_schema"], "json_object"),  # as older ones do
        (["json_schema", "json_object"], None),
        (["json_object"], "json_schema"),  # as LM Studio does
        (["response_format"], None),
    ],
)
def test_the_format_that_a_server_takes_is_found_and_remembered(
    start: Start, refuses: list[str], format: str | None
) -> None:
    server = start(refuses=refuses)
    one = Server(address(server.url))
    for _ in range(2):
        (found,) = one.ask([asked()])
        assert isinstance(found, Answer)
    kinds = [body.get("response_format", {}).get("type") for body in server.bodies]
    assert kinds[-2:] == [format, format] and kinds.count(format) == 2


def test_fields_that_a_server_does_not_take_are_left_out(start: Start) -> None:
    server = start(refuses=["max_tokens", "temperature", "system", "seed", "logprobs"])
    (found,) = ask(server.url, asked(top_logprobs=20))
    assert isinstance(found, Answer)
    body = server.bodies[-1]
    assert body["max_completion_tokens"] == 50 and body["top_p"] == 1.0
    assert not {"max_tokens", "temperature", "seed", "logprobs", "top_logprobs"} & body.keys()
    assert body["messages"] == [{"role": "user", "content": "Plan.\n\na boat"}]


def test_many_are_asked_at_a_time_and_no_more_than_that(start: Start) -> None:
    server = start(delay=0.1)
    found = ask(server.url, *[asked(f"boat {i}", seed=i) for i in range(12)], at_once=4)
    assert [isinstance(each, Answer) and f"boat {i}" in each.text for i, each in enumerate(found)] == [
        True
    ] * 12
    assert max(line["most"] for line in server.lines) == 4


def test_a_busy_server_is_asked_again_when_it_says(start: Start, in_haste: None) -> None:
    server = start(busy=2, retry_after="0.3")
    began = time.monotonic()
    (found,) = ask(server.url)
    assert isinstance(found, Answer) and time.monotonic() - began > 0.6
    assert "too busy (429: slow down)" in reason(start(busy=1, retry_after="3600").url)
    assert reason(start(status=503).url, timeout_seconds=0.5).endswith(AGAIN)


def test_a_server_that_is_not_there_is_tried_a_few_times_and_then_once(in_haste: None, start: Start) -> None:
    server = start()
    url = server.url
    server.kill()
    one = Server(address(url))
    for _ in range(2):
        (found,) = one.ask([asked()])
        assert isinstance(found, Trouble) and "does not answer (ConnectError" in found.reason
        assert found.reason.endswith(f"start it, {AGAIN}")
    assert one._gone
    again = start(port=server.port)
    (found,) = one.ask([asked()])
    assert isinstance(found, Answer) and not one._gone and again.bodies


def test_a_server_that_dies_while_it_works_is_found_out_in_time(in_haste: None, start: Start) -> None:
    server = start(delay=60)
    one = Server(address(server.url, timeout_seconds=300.0))
    ticks: list[float] = []

    def step(i: int, n: int) -> None:
        ticks.append(time.monotonic())
        if len(ticks) == 2:
            server.kill()

    began = time.monotonic()
    found = one.ask([asked()] * 6, step=step)
    assert all(isinstance(each, Trouble) and "does not answer" in each.reason for each in found)
    assert time.monotonic() - began < 15


def test_an_answer_that_does_not_come_is_waited_for_so_long(start: Start) -> None:
    server = start(delay=30)
    began = time.monotonic()
    said = reason(server.url, timeout_seconds=0.5)
    assert "gave no answer within 0.5 s" in said and said.endswith(AGAIN) and time.monotonic() - began < 5


def test_who_breaks_off_need_not_wait(start: Start) -> None:
    server = start(delay=60)

    def step(i: int, n: int) -> None:
        raise Cancelled("stopped")

    began = time.monotonic()
    with pytest.raises(Cancelled):
        Server(address(server.url)).ask([asked()], step=step)
    assert time.monotonic() - began < 5


def test_a_caller_may_be_in_an_event_loop_as_in_a_notebook(start: Start) -> None:
    server = start()

    async def cell() -> list[Answer | Trouble]:
        return ask(server.url)

    assert isinstance(asyncio.run(cell())[0], Answer)


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("page", "answers what OpenAI's API does not have"),
        ("huge", "larger than 4194304 bytes"),
        ("deep", "answers what OpenAI's API does not have"),
        ("blank", "it holds no choices"),
        ("compressed", "it is compressed"),
    ],
)
def test_what_is_no_answer_is_refused_within_bounds(start: Start, says: str, message: str) -> None:
    assert message in reason(start(says=says).url)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"status": 404}, "has no model 'tiny' (404: no luck with None): check model and url"),
        ({"status": 400}, "refuses what it is asked (400: no luck with None)"),
        ({"status": 500}, "failed (500: no luck with None): see what it says itself"),
        ({"key": KEY}, "wants a key (401): name its variable as api_key_env"),
        ({"leads_to": "http://203.0.113.9/steal?key=1"}, "sends to http://203.0.113.9/steal, which is not"),
    ],
)
def test_what_a_server_refuses_is_one_line(
    start: Start, in_haste: None, options: dict[str, Any], message: str
) -> None:
    assert message in reason(start(**options).url)


def test_the_key_goes_to_the_server_and_into_no_message(
    start: Start, in_haste: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    monkeypatch.setenv("TINY_KEY", KEY)
    server = start(key=KEY)
    (found,) = ask(server.url, api_key_env="TINY_KEY")
    assert isinstance(found, Answer) and server.lines[-1]["authorization"] == f"Bearer {KEY}"
    for status in (400, 404, 500):  # whose message holds it
        said = reason(start(key=KEY, status=status).url, api_key_env="TINY_KEY")
        assert "***" in said and KEY not in said
    assert "refuses the key (401): set TINY_KEY to another" in reason(
        start(key="other").url, api_key_env="TINY_KEY"
    )
    assert KEY not in caplog.text and KEY not in repr(Server(address(server.url, api_key_env="TINY_KEY")))
    monkeypatch.setenv("TINY_KEY", f"{KEY}\r\nHost: evil")
    with pytest.raises(InputError, match="can be no key") as error:
        ask(server.url, api_key_env="TINY_KEY")
    assert KEY not in str(error.value)
    monkeypatch.delenv("TINY_KEY")
    with pytest.raises(InputError, match="variable TINY_KEY is not set"):
        ask(server.url, api_key_env="TINY_KEY")


def test_a_proxy_of_the_environment_is_not_asked_about_this_machine(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert isinstance(ask(start().url)[0], Answer)


def test_the_model_is_the_only_one_where_none_is_named(start: Start) -> None:
    server = start(models=["only"])
    one = Server(address(server.url, model=""))
    assert isinstance(one.ask([asked()])[0], Answer) and one.by() == f"only at {server.url}"
    one.ask([asked()])
    assert [line["path"] for line in server.lines].count("/v1/models") == 1
    assert "has 2 models (a, b): name one as model" in reason(start(models=["a", "b"]).url, model="")


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/chat/completions", "http://127.0.0.1:8000/v1"),
        ("https://host/api/openai", "https://host/api/openai"),
    ],
)
def test_an_address_is_put_as_people_write_it(url: str, meant: str) -> None:
    assert address(url).url == meant


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "url is missing"),
        ("127.0.0.1:8000", "must be the address of a server, such as http"),
        ("file:///etc/passwd", "must be the address of a server"),
        ("http://me:hunter2@host/v1", "holds a name or password"),
        ("http://me:hunter2@host:port/v1", "must be the address of a server"),
        ("http://host/v1?api_key=hunter2", "leave out what stands behind"),
        ("http://host:99999/v1", "must be the address of a server"),
    ],
)
def test_an_address_that_is_none_is_refused_and_no_password_shown(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        address(url)
    assert "hunter2" not in str(error.value)


def test_a_key_in_the_place_of_its_variable_is_not_shown() -> None:
    with pytest.raises(InputError, match="must be the name of an environment variable") as error:
        address("http://host/v1", api_key_env=KEY)
    assert KEY not in str(error.value)
