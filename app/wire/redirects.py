"""Redirects are refused: a token goes to the server that was named, and to no other."""

import aiohttp

REDIRECTS = frozenset({301, 302, 303, 307, 308})


async def refuse_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Raise ``ClientResponseError`` for a redirect; a middleware for sessions.

    ``ClientSession.ws_connect`` follows redirects and has no option against it.
    """
    response = await handler(request)
    if response.status in REDIRECTS:
        response.close()
        raise aiohttp.ClientResponseError(
            response.request_info,
            response.history,
            status=response.status,
            message="redirected",
            headers=response.headers,
        )
    return response
