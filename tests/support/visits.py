"""A tab of a browser before the console."""

from dataclasses import dataclass, field
from typing import Self

from playwright.async_api import ConsoleMessage, Page


@dataclass
class Visit:
    """A tab of a browser that has never been here, and what the browser complained of."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> Self:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        return self

    def _hear(self, message: ConsoleMessage) -> None:
        # A browser calls every answer of 4xx an error; these are asked for here.
        refused = message.text.startswith("Failed to load resource")
        if message.type in {"error", "warning"} and not (refused and self._expected(message)):
            self.complaints.append(f"{message.text} {message.location}")

    def _expected(self, message: ConsoleMessage) -> bool:
        return str(message.location["url"]).endswith("/api/v1/session")

    async def log_in(self, key: str, *, at: str = "/") -> None:
        await self.page.goto(f"{self.url}{at}")
        await self.page.get_by_label("API key").fill(key)
        await self.page.get_by_role("button", name="Log in").click()
