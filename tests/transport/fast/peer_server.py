"""A server that nobody here wrote, with the same few pages each: prints its port, ends with its input.

python peer_server.py uvicorn|hypercorn|aiohttp [certificate.pem]
"""

import asyncio  # noqa: TID251 - three of the four servers need it
import socket
import sys

EVENTS = [b"data: %d %b\n\n" % (number, b"x" * (number * 37 % 500)) for number in range(200)]


async def asgi(scope, receive, send) -> None:
    if scope["type"] != "http":
        raise RuntimeError(scope["type"])
    path = scope["path"]
    if path == "/refuse":
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    match path:
        case "/events":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
            for event in EVENTS:
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        case "/none":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        case _:
            length = b"%d" % len(body)
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
            )
            await send({"type": "http.response.body", "body": body})


async def run_uvicorn(sock: socket.socket, certificate: str | None) -> None:
    import uvicorn

    config = uvicorn.Config(
        asgi,
        lifespan="off",
        log_level="error",
        timeout_keep_alive=1,
        ssl_certfile=certificate,
        ssl_keyfile=certificate,
    )
    await uvicorn.Server(config).serve([sock])


async def run_hypercorn(sock: socket.socket, certificate: str | None) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{sock.detach()}"]
    config.keep_alive_timeout = 1
    config.certfile = config.keyfile = certificate
    await serve(asgi, config, shutdown_trigger=asyncio.Event().wait)


async def run_aiohttp(sock: socket.socket, certificate: str | None) -> None:
    import ssl

    from aiohttp import web

    async def page(request: web.Request) -> web.StreamResponse:
        if request.path == "/refuse":
            return web.Response(status=413, body=b"no")
        body = await request.read()
        if request.path == "/none":
            return web.Response(status=204)
        if request.path != "/events":
            return web.Response(body=body)
        response = web.StreamResponse(headers={"x-a": "b"})
        await response.prepare(request)
        for event in EVENTS:
            await response.write(event)
        await response.write_eof()
        return response

    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path}", page)
    runner = web.AppRunner(app, keepalive_timeout=1)
    await runner.setup()
    await web.SockSite(runner, sock, ssl_context=context).start()
    await asyncio.Event().wait()


async def main() -> None:
    name, certificate, *_ = [*sys.argv[1:], None]
    sock = socket.create_server(("127.0.0.1", 0))
    print(sock.getsockname()[1], flush=True)
    run = {"uvicorn": run_uvicorn, "hypercorn": run_hypercorn, "aiohttp": run_aiohttp}[name]
    serving = asyncio.create_task(run(sock, certificate))
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait([serving, ended], return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()


if __name__ == "__main__":
    asyncio.run(main())
