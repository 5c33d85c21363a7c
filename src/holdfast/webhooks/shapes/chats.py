"""Messages for chats: Slack's incoming webhooks (Mattermost and Rocket.Chat take them as well), and Microsoft Teams.

Sources: api.slack.com "Formatting text for app surfaces" (`&`, `<` and `>` are written as entities, which is what keeps
`<!channel>` from calling everyone) and "Sending messages using incoming webhooks"; adaptivecards.io schema 1.2 and
"Create incoming webhooks with Workflows for Microsoft Teams". What comes from elsewhere stands in code quotes for
Slack, where nothing in it is read as a mention or mark-up, and in text runs for Teams, which know no mark-up.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.registry.events.model import Event
from holdfast.webhooks.shapes.model import About, Payload
from holdfast.webhooks.shapes.sentences import Piece, sentence
from holdfast.webhooks.shapes.writing import json_payload

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"})


def slack(event: Event, about: About) -> Sequence[Payload]:
    """One line of text."""
    text = "".join(map(_slack_piece, sentence(event, about)))
    return (json_payload({"text": text, "unfurl_links": False, "unfurl_media": False}),)


def _slack_piece(piece: Piece) -> str:
    text = piece.text.translate(_ENTITIES)
    return f"`{text}`" if piece.foreign else text


def teams(event: Event, about: About) -> Sequence[Payload]:
    """An adaptive card with one line of text."""
    runs = [
        {"type": "TextRun", "text": piece.text, "weight": "Bolder" if piece.foreign else "Default"}
        for piece in sentence(event, about)
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [{"type": "RichTextBlock", "inlines": runs}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return (json_payload({"type": "message", "attachments": [attachment]}),)
