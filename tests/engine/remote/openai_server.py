"""A server that speaks OpenAI's API, as well or as badly as a test wants it; a program of its own.

    python openai_server.py '{"log": "bodies.jsonl", "refuses": ["json_schema"], "busy": 2}'

It prints its port. What it can be told:

    log         a file to which each request's body is written, a line each, with path, key and moment
    key         the key that it wants
    models      their names
    refuses     what it answers 400 to: response formats by type, or fields of a body
    busy        answers 429 so many times, first
    retry_after what it says with that
    says        plan (of the prompt), fenced (within a text), garbage, cut (ends early), thought (with reasoning
                before it), empty, page (HTML), huge, blank (no choices), yes, no, maybe, compressed, an object
    probability of yes; left out, no probabilities are given
    delay       seconds before each answer
    status      of each answer
    leads_to    where it redirects to
    port        0 for any
"""

import gzip
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OPTIONS: dict[str, Any] = {}
SEEN = {"busy": 0, "under_way": 0, "most": 0}
LOCK = threading.Lock()


def plan_of(prompt: str) -> str:
    fact = {"kind": "thing", "quote": prompt, "text": prompt}
    return json.dumps({"prompt": prompt, "facts": [fact]})


def text_of(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    asked = content if isinstance(content, str) else content[-1]["text"]
    says = OPTIONS.get("says", "plan")
    if isinstance(content, list):  # about a picture
        if asked.startswith("Describe"):
            return "A red boat."
        return {"plan": "Yes.", "yes": "Yes, it does.", "no": "**No**", "maybe": "I cannot tell."}[says]
    asked = asked.rpartition("\n\n")[2]
    return {
        "plan": plan_of(asked),
        "fenced": f"Here it is:\n```json\n{plan_of(asked)}\n```\nEnjoy!",
        "garbage": "I would rather talk about the weather.",
        "cut": plan_of(asked)[:30],
        "thought": f"<think>Let me see. {{}}</think>\n{plan_of(asked)}",
        "empty": "",
        "wrong": json.dumps({"prompt": 7, "facts": "none"}),
    }[says]


def completion(body: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": text_of(body)},
        "finish_reason": "length" if OPTIONS.get("says") == "cut" else "stop",
    }
    probability = OPTIONS.get("probability")
    if body.get("logprobs") and probability is not None:
        import math

        top = [(" Yes", probability * 0.9), ("no", (1 - probability) * 0.9), ("maybe", 0.1)]
        tokens = [{"token": token, "logprob": math.log(max(p, 1e-9))} for token, p in top]
        choice["logprobs"] = {"content": [{**tokens[0], "top_logprobs": tokens}]}
    return {
        "id": "c",
        "object": "chat.completion",
        "model": body.get("model") or "nameless",
        "system_fingerprint": "fp_7",
        "choices": [choice],
    }


def refusal(body: dict[str, Any]) -> str:
    kind = body.get("response_format", {}).get("type")
    for name in OPTIONS.get("refuses", []):
        if name == kind:
            return f"'response_format.type' must not be '{name}'"
        if name == "max_tokens" and name in body:
            return "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        if name == "system" and any(each["role"] == "system" for each in body["messages"]):
            return "System role not supported"
        if name in body:
            return f"Unsupported parameter: '{name}' is not supported with this model."
    return ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        return None

    def do_GET(self) -> None:
        self.note({})
        if not self.is_let_in():
            return
        models = [{"id": name, "object": "model"} for name in OPTIONS.get("models", ["tiny"])]
        self.send(200, {"object": "list", "data": models})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(data)
        with LOCK:
            SEEN["under_way"] += 1
            SEEN["most"] = max(SEEN["most"], SEEN["under_way"])
        try:
            self.note(body)
            self.answer(body)
        finally:
            with LOCK:
                SEEN["under_way"] -= 1

    def answer(self, body: dict[str, Any]) -> None:
        time.sleep(OPTIONS.get("delay", 0))
        with LOCK:
            SEEN["busy"] += 1
            is_busy = SEEN["busy"] <= OPTIONS.get("busy", 0)
        if not self.is_let_in():
            return
        if where := OPTIONS.get("leads_to"):
            self.send(307, {}, {"Location": where})
        elif is_busy:
            after = OPTIONS.get("retry_after")
            self.send(429, {"error": {"message": "slow down"}}, {} if after is None else {"Retry-After": after})
        elif reason := refusal(body):
            self.send(400, {"error": {"message": reason, "type": "invalid_request_error"}})
        elif (status := OPTIONS.get("status")) is not None:
            self.send(status, {"error": {"message": f"no luck with {self.headers.get('Authorization')}"}})
        elif OPTIONS.get("says") == "page":
            self.send_bytes(b"<html>Welcome to the router</html>", {"Content-Type": "text/html"})
        elif OPTIONS.get("says") == "huge":
            self.send_bytes(b'{"choices": [' + b" " * (40 * 2**20) + b"]}", {})
        elif OPTIONS.get("says") == "deep":
            self.send_bytes(b"[" * 100_000, {})
        elif OPTIONS.get("says") == "blank":
            self.send(200, {"choices": []})
        elif OPTIONS.get("says") == "compressed":
            self.send_bytes(gzip.compress(b" " * 2**26), {"Content-Encoding": "gzip"})
        else:
            self.send(200, completion(body))

    def is_let_in(self) -> bool:
        wanted = OPTIONS.get("key")
        if wanted is None or self.headers.get("Authorization") == f"Bearer {wanted}":
            return True
        self.send(401, {"error": {"message": f"wrong key: {self.headers.get('Authorization')}"}})
        return False

    def note(self, body: dict[str, Any]) -> None:
        if path := OPTIONS.get("log"):
            line = {"path": self.path, "authorization": self.headers.get("Authorization"), "most": SEEN["most"]}
            with LOCK, open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps({**line, "at": time.monotonic(), "body": body}) + "\n")

    def send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self.send_bytes(json.dumps(value).encode(), headers or {}, status)

    def send_bytes(self, data: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    OPTIONS.update(json.loads(sys.argv[1]))
    server = ThreadingHTTPServer(("127.0.0.1", OPTIONS.get("port", 0)), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
