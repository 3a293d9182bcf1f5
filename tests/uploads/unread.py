"""A server that answers an upload at once and never reads its body."""

import asyncio

ANSWERED_AT_ONCE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


def early(code, message):
    body = b'{"return_code": %d, "return_message": "%b"}' % (code, message)
    return ANSWERED_AT_ONCE % (len(body), body)


class Unread:
    """A server that answers at once and never reads the body."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.met = 0
        self.writers = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0, limit=1 << 16)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for writer in self.writers:
            writer.close()
        await asyncio.sleep(0.01)

    async def answer(self, reader, writer):
        self.writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        self.met += 1
        answer = self.answers[min(self.met, len(self.answers)) - 1]
        if answer is not None:
            writer.write(answer)
            await writer.drain()
