"""A span around each request, where the process is traced."""

from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bet_intel.shared.tracing import is_tracing


def traced(app: ASGIApp) -> ASGIApp:
    """`app` itself where nothing is traced: requests then pass through nothing more."""
    if not is_tracing():
        return app
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware  # a gateway that does not trace has none

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        asked: Scope = scope["state"]["untraced"]

        async def named(message: Message) -> None:
            route = getattr(asked.get("route"), "path", None)
            if message["type"] == "http.response.start" and route is not None:
                span = trace.get_current_span()
                span.update_name(f"{asked['method']} {route}")
                span.set_attribute("http.route", route)
            await send(message)

        await app(asked, receive, named)

    # One span for a request, not one more for each piece of a stream.
    middleware = OpenTelemetryMiddleware(routed, exclude_spans=["receive", "send"])

    async def trace_request(scope: Scope, receive: Receive, send: Send) -> None:
        # What is asked for may hold what is secret, and need not even be text: it is no part of a trace.
        await middleware({**scope, "query_string": b"", "state": {"untraced": scope}}, receive, send)

    return trace_request
