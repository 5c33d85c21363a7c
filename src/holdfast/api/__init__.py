"""The frame of the management API: who calls, what comes back, how lists, updates and refusals look.

Everything below `/api/v1` is laid out alike, so that a client which knows one collection knows all of them:

- A collection is a plural noun (`/users`, `/federation/rules`); `GET` lists it in pages (page.py), `POST` adds to it
  and answers 201 with what was made. One thing is `/users/NAME` or `/grants/ID`; `GET`, `PATCH` (only the fields that
  are named), `DELETE` (204). What is no create, read, change or delete is a `POST` to a verb below the thing
  (`/keys/7/rotate`).
- **Names in a path are one segment, escaped as in a JSON Pointer (RFC 6901): `~1` for `/`, `~0` for `~`**
  (`/robots/shop~1web+ci`), because proxies change or refuse `%2F`; where `%2F` arrives, it is understood too. Handlers
  take them as `Segment` (shape.py) and get the name itself. In a query a name is written as it is, and fields that a
  route does not know are refused.
- A request model is an `Input`: unknown fields are refused. A response model is an `Output`. Times are RFC 3339 in UTC
  (`Moment`), actions and roles are the words that the command line takes.
- A handler is a method of a class that holds one service; it takes `caller: Asking` (caller.py), reads nothing but its
  parameters, calls one method of the service and shapes the answer. Authorisation is the service's. `routing.py` makes
  the routes; the name of the method is the operation id, unique in the whole API, and its docstring the description.
- Refusals are raised by meaning and become problem+json in one table (problem.py).
- A thing that can be changed answers `ETag`; `PATCH` and `DELETE` take `If-Match` (etag.py).
"""
