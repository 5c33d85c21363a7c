"""`/sign-in/-/again`: back to a form that was kept while somebody signed in again."""

from __future__ import annotations

from holdfast.web.again import page_of
from holdfast.web.frame import Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit


class AgainPages:
    """The page that shows a form that was kept, to whoever is signed in by now. It changes nothing."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [Route("POST", "/sign-in/-/again", self.show)]

    async def show(self, visit: Visit) -> Answer:
        """The form, to be sent; or still the way to sign in. Only what we sealed ourselves is shown."""
        fields = await visit.form()
        # The page was given to who was not signed in: its form is of the browser, whoever is signed in by now.
        self._frame.forms.check(visit.headers, fields, self._frame.browser(visit)[0])
        said = "You are signed in." if visit.session is not None else "You are not signed in yet."
        return page_of(self._frame, visit, said, fields.get("kept", ""))
