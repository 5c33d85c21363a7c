"""The management API's routers: one module a noun, thin over the service that has the say.

A module is `def routes(service) -> Routes` over a class of handlers; `app.py` puts all of them together. How paths,
pages, updates and refusals look is said in `holdfast.api`.
"""
