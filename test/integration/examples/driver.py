"""Drives examples/python for the tests: a command per line in, as JSON, and what the client tells per line out."""

import asyncio
import base64
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "python"))

import rtms  # noqa: E402


def plain(data):
    """Bytes have no JSON form."""
    return {"bytes": base64.b64encode(data).decode()} if isinstance(data, bytes) else data


def value(data):
    return base64.b64decode(data["bytes"]) if isinstance(data, dict) and "bytes" in data else data


def out(**what):
    print(json.dumps(what), flush=True)


meetings = {}


async def run(client, command):
    match command["do"]:
        case "join":

            def on_frame(frame):
                inputs = [{"slot": one.slot, "seq": one.seq, "data": plain(one.data)} for one in frame.inputs]
                out(told="frame", number=frame.number, events=frame.events, inputs=inputs)

            meeting = meetings[command["meeting"]] = await client.join(command["meeting"], on_frame)
            meeting.on_rejoin = lambda recovered, reason: out(told="rejoin", recovered=recovered, reason=reason)
            meeting.on_gap = lambda first, end, reason: out(told="gap", first=first, end=end, reason=reason)
            meeting.on_message = lambda data: out(told="message", data=plain(data))
            meeting.on_end = lambda error: out(told="end", code=error.code)
            return {"slot": meeting.slot, "members": meeting.members}
        case "send":
            return await meetings[command["meeting"]].send(value(command["data"]))
        case "leave":
            return await meetings[command["meeting"]].leave()
        case "subscribe":

            def on_publication(publication):
                data = plain(publication.data)
                out(told="publication", key=publication.key, removed=publication.removed, data=data)

            await client.subscribe(command["topic"], on_publication, **command["options"])
        case "unsubscribe":
            await client.topics[command["topic"]].close()
        case "publish":
            return await client.publish(command["topic"], value(command["data"]), command["key"])
        case "request":
            return plain(await client.request(command["method"], value(command["data"])))
        case "push":
            client.on_push(command["name"], lambda data: out(told="push", data=plain(data)))
        case "close":
            await client.close()


async def answer(client, command):
    try:
        out(answer=command["id"], value=await run(client, command))
    except rtms.RtmsError as error:
        out(answer=command["id"], code=error.code, message=str(error))


async def main():
    ticket = json.loads(sys.argv[1])

    async def get_ticket():
        return ticket

    async with rtms.Client(get_ticket) as client:
        client.on_state = lambda state: out(told="state", state=state)
        tasks = set()
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            task = asyncio.create_task(answer(client, json.loads(line)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


asyncio.run(main())
