"""The OpenAPI 3.1 description, made from the table of routes and the annotations of their handlers."""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from app.runtime.version import VERSION
from app.server.dispatch import Route, Signature
from app.server.problems import STATUS_OF_CODE
from app.wire.http import Problem
from streams.model.vocabulary import Scope

REF = "#/components/schemas/{name}"
PATH_PARTS = re.compile(r"{(\w+)}")


@cache
def description(routes: tuple[Route, ...]) -> dict[str, Any]:
    """Describe ``routes``."""
    signatures = {route: Signature.of(route.handler) for route in routes}
    kinds: list[Any] = [Problem]
    for route, signature in signatures.items():
        kinds += [
            kind for kind in (_reply(route, signature), signature.hints.get("body")) if kind is not None
        ]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    schema_of = {repr(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route, signature in signatures.items():
        operation = _operation(route, signature, schema_of, components)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tidewatch",
            "version": VERSION,
            "description": "A backup server: what it keeps, what it does, and what it is told to do. "
            "Events are on a WebSocket on the next port.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _reply(route: Route, signature: Signature) -> Any:
    """Return the record a handler answers with; None where it answers with bytes."""
    kind = signature.reply if route.reply is None else route.reply
    return None if isinstance(kind, type) and issubclass(kind, web.StreamResponse) else kind


def _operation(
    route: Route, signature: Signature, schema_of: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    told = inspect.getdoc(route.handler) or ""
    operation: dict[str, Any] = {
        "summary": told.partition("\n")[0],
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "tags": [route.handler.__module__.rpartition(".")[2]],
        "parameters": _parameters(route, signature, components),
        "responses": _responses(route, signature, schema_of),
    }
    if route.scope is not None:
        operation["security"] = [{"token": []}]
        operation["x-scope"] = route.scope.value
    body = signature.hints.get("body")
    if body is not None:
        content = {"application/json": {"schema": schema_of[repr(body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.body_content is not None:
        operation["requestBody"] = {"required": True, "content": {route.body_content: {}}}
    return operation


def _parameters(route: Route, signature: Signature, components: dict[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for name in PATH_PARTS.findall(route.path):
        schema = {"type": "integer"} if signature.hints[name] is int else {"type": "string"}
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    query = signature.hints.get("query")
    if query is not None:
        (_,), found = msgspec.json.schema_components((query,), ref_template=REF)
        shape = found.pop(query.__name__)
        components.update(found)
        required = set(shape.get("required", ()))
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in shape["properties"].items()
        ]
    return parameters


def _met_by_all(route: Route, signature: Signature) -> Iterator[str]:
    """Give the refusals that a call may meet before its handler sees it."""
    yield "bad_request"
    if route.scope is not None:
        yield from ("wrong_token", "forbidden", "too_many_attempts", "too_many_connections")
    if route.scope is Scope.AGENT and route.method != "GET":
        yield "client_disconnected"
    if "body" in signature.hints:
        yield from ("payload_too_large", "body_too_slow", "busy")


def _responses(route: Route, signature: Signature, schema_of: dict[str, Any]) -> dict[str, Any]:
    reply = _reply(route, signature)
    schema = {} if reply is None else {"schema": schema_of[repr(reply)]}
    responses: dict[str, Any] = {"200": {"description": "Done.", "content": {route.content: schema}}}
    if "range_not_satisfiable" in route.codes:
        responses["206"] = {"description": "A range.", "content": {route.content: {}}}
        responses["304"] = {"description": "Not changed."}
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys((*_met_by_all(route, signature), *route.codes)):
        by_status.setdefault(STATUS_OF_CODE[code], []).append(code)
    problem = {"application/json": {"schema": schema_of[repr(Problem)]}}
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {"description": f"Refused: {', '.join(codes)}.", "content": problem}
    responses["default"] = {"description": "Any other failure.", "content": problem}
    return responses
