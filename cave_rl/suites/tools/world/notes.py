"""Notes in folders."""

from __future__ import annotations


class Notes:
    """A note is a text at a path such as "work/plan"."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def list_folders(self) -> list[str]:
        """The names of the folders, sorted."""
        return sorted({path.split("/")[0] for path in self.texts})

    def list_notes(self, folder: str) -> list[str]:
        """The paths of the notes in a folder, sorted."""
        return sorted(path for path in self.texts if path.split("/")[0] == folder)

    def read_note(self, path: str) -> str:
        """The text of a note."""
        return self.texts[path]

    def write_note(self, path: str, text: str) -> None:
        """Writes a note, a new one or over an old one."""
        if type(text) is not str or path.count("/") != 1:
            raise ValueError("a note is a text at a path such as 'work/plan'")
        self.texts[path] = text

    def move_note(self, path: str, folder: str) -> str:
        """Moves a note to another folder, where none of its name may be; its new path."""
        moved = f"{folder}/{path.split('/')[1]}"
        if "/" in folder or moved in self.texts:
            raise ValueError(f"{moved} is there already, or {folder!r} is no folder")
        self.texts[moved] = self.texts.pop(path)
        return moved

    def delete_note(self, path: str) -> None:
        """Deletes a note."""
        del self.texts[path]
