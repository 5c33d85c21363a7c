"""The collector: what nothing keeps any more loses its links, then its rows; its objects are left to the sweep."""
