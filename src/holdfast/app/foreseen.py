"""The errors that end the start of a process with a sentence for its user; any other one is a defect."""

from __future__ import annotations

from holdfast.access.errors import MasterKeyAway, WrongMasterKey
from holdfast.app.datadir import DataDirectoryError
from holdfast.blobs.errors import BlobError
from holdfast.db.errors import DatabaseError

FORESEEN = (DataDirectoryError, WrongMasterKey, MasterKeyAway, DatabaseError, BlobError, ValueError)
