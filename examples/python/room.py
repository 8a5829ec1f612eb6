"""Joins the demo's room (`npm start`) as a guest and walks a circle there, until it is interrupted."""

import argparse
import asyncio
import json
import math
import urllib.request

import rtms


async def main(url: str, room: str, name: str) -> None:
    guest = {"name": name, "room": room}

    def fetch_ticket() -> dict:
        body = json.dumps(guest).encode()
        request = urllib.request.Request(f"{url}/api/playground/ticket", body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                ticket = json.load(answer)
        except OSError as error:
            print(f"no ticket at {url} ({error}); trying again. Is the demo running (npm start)?", flush=True)
            raise
        # With it the next ticket is for the same user.
        guest["guest"] = ticket["guest"]
        return ticket

    async def get_ticket() -> dict:
        return await asyncio.to_thread(fetch_ticket)

    people: dict[int, str] = {}

    def on_frame(frame: rtms.Frame) -> None:
        for event in frame.events:
            if event["event"] == "join":
                people[event["slot"]] = event["user"].partition("~")[0]
            print(f"frame {frame.number}: {people.get(event.get('slot'), '')} {event['event']}", flush=True)
        for move in frame.inputs:
            print(f"frame {frame.number}: {people.get(move.slot)} moves to {move.data}", flush=True)

    async with rtms.Client(get_ticket) as client:
        client.on_state = lambda state: print(state, flush=True)
        meeting = await client.join(f"demo.{room}", on_frame)
        for step in range(1_000_000):
            angle = step / 10
            place = {"x": round(500 + 300 * math.cos(angle)), "y": round(500 + 300 * math.sin(angle))}
            await meeting.send(place)
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://localhost:7788")
    parser.add_argument("--room", default="lobby")
    parser.add_argument("--name", default="Python")
    options = parser.parse_args()
    try:
        asyncio.run(main(options.url, options.room, options.name))
    except KeyboardInterrupt:
        pass
