"""The page in a real browser: what a person sees and can do, and what hostile traces cannot.

These tests need Playwright and a Chromium; where there is none they are skipped, or fail if CAVE_RL_EXPECT_BROWSER is
set. CAVE_RL_CHROMIUM names the program if it is not found by itself.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cave_rl.evaluation.report import Viewer, read, render
from tests.evaluation.lines import failed, faulty, line, many, written
from tests.evaluation.test_report_page import hostile

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def missing(why: str) -> None:
    if os.environ.get("CAVE_RL_EXPECT_BROWSER"):
        pytest.fail(f"a browser is expected here: {why}")
    pytest.skip(why)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ModuleNotFoundError:
        missing("playwright is not installed")
    program = os.environ.get("CAVE_RL_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        try:
            made = playwright.chromium.launch(executable_path=program, chromium_sandbox=os.geteuid() != 0)
        except Error as error:
            missing(f"no Chromium: {error.message.splitlines()[0]}")
        yield made
        made.close()


Open = Callable[..., Any]


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about."""
    return []


@pytest.fixture
def opened(browser: Any, tmp_path: Path, complaints: list[str]) -> Iterator[Open]:
    """Opens the page of some runs. A complaint of the browser's that a test does not take out fails it."""
    contexts = []

    def open_(
        *runs: list[dict[str, Any]],
        at: str = "",
        url: str | None = None,
        script: str = "",
        plain: bool = False,
        **options: Any,
    ) -> Any:
        context = browser.new_context(viewport={"width": 1400, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda one: None if one.url.startswith((start, "data:")) else complaints.append(one.url))
        if script:
            page.add_init_script(script)
        if url is None:
            found = read([written(tmp_path / name, rows) for name, rows in zip("abc", runs, strict=False)])
            path = tmp_path / "page.html"
            path.write_text(render(found, plain=plain), encoding="utf-8")
            url = path.as_uri()
        start = url.partition("#")[0]
        page.goto(url + at)
        if options.get("java_script_enabled", True):
            page.wait_for_selector("#reader:not([hidden]), #problem:not(:empty)")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def listed(page: Any) -> list[str]:
    return page.locator("#list tbody a").all_inner_texts()  # type: ignore[no-any-return]


def count(page: Any) -> str:
    return page.locator("#count").inner_text()  # type: ignore[no-any-return]


def focused(page: Any) -> str:
    return page.evaluate("document.activeElement.textContent.trim()")  # type: ignore[no-any-return]


def title(page: Any) -> str:
    return page.locator("#trace-title").inner_text()  # type: ignore[no-any-return]


def shown(page: Any, task: str) -> None:
    """Waits until an episode of a task is shown."""
    page.locator("#trace-title", has_text=f"{task}: ").wait_for()


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tasks(number: int) -> list[dict[str, Any]]:
    return [line(task=f"f/{n:03}", family="f") for n in range(number)]


# the list


def test_fifty_episodes_are_listed_a_page(opened: Open) -> None:
    page = opened(tasks(120))
    assert count(page) == "1 to 50 of 120 episodes"
    assert listed(page) == [f"f/{n:03}" for n in range(50)]
    assert page.locator("#previous").is_disabled()
    page.click("#next")
    page.click("#next")
    assert count(page) == "101 to 120 of 120 episodes"
    assert page.locator("#page").inner_text() == "page 3 of 3"
    assert page.locator("#next").is_disabled()
    page.click("#previous")
    assert listed(page)[0] == "f/050"


def test_filters_narrow_the_list_and_are_undone(opened: Open) -> None:
    rows = [
        line(task="a/1", family="a"),
        failed(task="a/2", family="a", stop="max_steps", outcomes=["error", "ok"]),
        failed(task="b/1", family="b", outcomes=["malformed"]),
        faulty(task="b/2", family="b"),
    ]
    page = opened(rows)
    form = page.locator("#filters")
    for name, option, expected in (
        ("result", "failed", ["a/2", "b/1"]),
        ("family", "b", ["b/1"]),
        ("outcome", "error", []),
    ):
        form.locator(f"[name={name}]").select_option(label=option)
        assert listed(page) == expected
    assert count(page) == "None that pass, of 4 episodes"
    form.get_by_role("button", name="Show all").click()
    assert len(listed(page)) == 4
    form.locator("[name=outcome]").select_option(label="error")
    assert listed(page) == ["a/2"]
    form.locator("[name=outcome]").select_option(label="anything")
    form.locator("[name=stop]").select_option(label="max_steps")
    assert listed(page) == ["a/2"]
    form.locator("[name=stop]").select_option(label="all")
    form.locator("[name=result]").select_option(label="fault")
    assert listed(page) == ["b/2"]
    form.locator("[name=result]").select_option(label="all")
    form.locator("[name=task]").fill("B/")
    assert listed(page) == ["b/1", "b/2"]


def test_flips_between_two_runs_can_be_filtered(opened: Open) -> None:
    a = [failed(task="f/up"), line(task="f/down"), line(task="f/same")]
    b = [line(task="f/up"), failed(task="f/down"), line(task="f/same")]
    page = opened(a, b)
    flip = page.locator("#filters [name=flip]")
    assert flip.locator("option").all_inner_texts() == ["all", "any", "gained", "lost"]
    flip.select_option(label="any")
    assert listed(page) == ["f/up", "f/down", "f/up", "f/down"]
    flip.select_option(label="lost")
    page.locator("#filters [name=side]").select_option(label="b")
    assert listed(page) == ["f/down"]
    page.get_by_role("link", name="tasks that b solved more often than a: 1").click()
    assert listed(page) == ["f/up", "f/up"]
    assert page.locator("#list tbody td").first.inner_text() == "✗ failed (gained)"


def test_a_filter_that_has_nothing_to_choose_is_left_out(opened: Open) -> None:
    page = opened([line(), line()])
    names = page.locator("#filters select, #filters input").evaluate_all("all => all.map(each => each.name)")
    assert names == ["result", "outcome", "task", "order"]


def test_the_order_can_be_chosen(opened: Open) -> None:
    rows = [line(task=f"f/{n}", wall_s=n, tokens={"completion": -n + 10}) for n in (2, 3, 1)]
    page = opened([*rows, line(task="f/untold", wall_s=None, env_s=None, tokens=None)])
    for order, expected in (
        ("slowest first", ["f/3", "f/2", "f/1", "f/untold"]),
        ("most tokens first", ["f/1", "f/2", "f/3", "f/untold"]),
        ("as played", ["f/2", "f/3", "f/1", "f/untold"]),
    ):
        page.locator("[name=order]").select_option(label=order)
        assert listed(page) == expected


def test_a_family_in_the_figures_leads_to_its_episodes(opened: Open) -> None:
    page = opened([line(task="a/1", family="a"), failed(task="b/1", family="b")])
    page.locator("#families").get_by_role("link", name="b", exact=True).click()
    assert listed(page) == ["b/1"]


# keys


def test_the_first_tab_offers_to_skip_to_the_episodes(opened: Open) -> None:
    page = opened(tasks(3))
    press(page, "Tab")
    assert focused(page) == "Skip to the episodes"
    assert page.locator(".skip").bounding_box()["x"] >= 0, "it is seen once it has the focus"
    press(page, "Enter")
    assert page.evaluate("document.activeElement.id") == "episodes"


def test_the_whole_page_is_reached_in_its_order_by_tab(opened: Open) -> None:
    page = opened(tasks(60))
    page.evaluate("document.getElementById('episodes').focus()")
    seen = []
    for _ in range(12):
        press(page, "Tab")
        seen.append(page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()"))
    # One place of the list is on the way; the keys do the rest.
    assert seen[:8] == ["result", "outcome", "task", "order", "Show all", "Keys", "f/000", "Next page"]


def test_keys_move_in_the_list_and_show_what_they_come_to(opened: Open) -> None:
    page = opened(tasks(120))
    page.locator("#list tbody a").first.focus()
    for key, expected in (
        ("j", "f/000"), ("j", "f/001"), ("ArrowDown", "f/002"), ("k", "f/001"), ("ArrowUp", "f/000"), ("k", "f/000"),
        ("End", "f/049"), ("j", "f/050"), ("k", "f/049"), ("Home", "f/000"),
    ):  # fmt: skip
        press(page, key)
        assert focused(page) == expected, key
        shown(page, expected)
        assert page.locator("#list [aria-current=true] a").inner_text() == expected
    press(page, "n")
    assert (focused(page), count(page)) == ("f/050", "51 to 100 of 120 episodes")
    press(page, "p")
    assert focused(page) == "f/000"


def test_enter_reads_and_escape_goes_back(opened: Open) -> None:
    page = opened(tasks(5))
    page.locator("#list tbody a").first.focus()
    press(page, "Enter")
    page.locator("#trace:focus").wait_for()
    assert title(page).startswith("f/000: solved")
    press(page, "j")
    shown(page, "f/001")
    assert page.evaluate("document.activeElement.id") == "trace"
    press(page, "Escape")
    assert focused(page) == "f/001"


def test_keys_that_are_written_into_a_field_stay_there(opened: Open) -> None:
    page = opened(tasks(5))
    page.locator("#filters [name=task]").focus()
    page.keyboard.type("jk")
    assert page.locator("#filters [name=task]").input_value() == "jk"


def test_a_combination_with_control_is_the_browsers(opened: Open) -> None:
    page = opened(tasks(5))
    page.locator("#list tbody a").first.focus()
    press(page, "Control+j")
    assert focused(page) == "f/000"


# one episode


def test_an_episode_is_shown_whole(opened: Open) -> None:
    page = opened([failed()])
    page.locator("#list tbody a").click()
    page.wait_for_selector("#trace .step")
    text = page.locator("#trace").inner_text()
    for part in (
        "sum_values/00ff: failed", "Put the sum of xs in total.", "I add them up.", "total = sum(xs)", "it ran",
        "created total", "2 ms", "20.0 MiB", "✗ FAILS", "total: expected 6, got 5", "✓ holds", "gate",
        "step 1: ok", "step 2: answered", "Turn 1: score 0", "100 prompt", "500 ms",
    ):  # fmt: skip
        assert part in text, part
    page.get_by_text("Before it: 1 messages").click()
    assert "Write Python." in page.locator("#trace").inner_text()


def test_code_is_highlighted_and_still_the_same_text(opened: Open) -> None:
    code = 'for x in [1, 0x2f]:  # "no" string\n    print(f"{x}", \'\'\'a\nb\'\'\', not_for, "\\"", r"\\d")\nif "open'
    row = line()
    row["messages"][2]["content"] = f"```python\n{code}\n```"
    row["steps"][0]["code"] = code
    page = opened([row])
    page.locator("#list tbody a").click()
    shown = page.locator("#trace pre code")
    assert shown.text_content() == code

    def marked(kind: str) -> list[str]:
        return shown.locator(f".{kind}").all_text_contents()  # type: ignore[no-any-return]

    assert marked("keyword") == ["for", "in", "if"]
    assert marked("comment") == ['# "no" string']
    assert marked("number") == ["1", "0x2f"]
    assert marked("string") == ['f"{x}"', "'''a\nb'''", '"\\""', 'r"\\d"', '"open']


def test_a_link_to_an_episode_opens_it(opened: Open) -> None:
    page = opened(tasks(120), at="#e1.61")
    page.wait_for_selector("#trace .step")
    assert title(page) == "f/060: solved (episode 1.61)"
    assert count(page) == "51 to 100 of 120 episodes"
    page.locator("#filters [name=task]").fill("f/00")
    page.evaluate("location.hash = '#e1.99'")
    shown(page, "f/098")
    assert count(page) == "51 to 100 of 120 episodes", "what a filter hid is shown"
    page.locator("#slowest a").first.click()
    shown(page, "f/000")


def test_the_other_episodes_of_a_task_are_a_link_away(opened: Open) -> None:
    page = opened([failed(task="f/1"), line(task="f/2")], [line(task="f/1"), line(task="f/2")], at="#e1.1")
    shown(page, "f/1")
    page.locator("#trace").get_by_role("link", name="b solved (2.1)").click()
    page.locator("#trace-title", has_text="f/1: solved (episode 2.1)").wait_for()
    page.locator("#trace").get_by_role("link", name="a failed (1.1)").wait_for()


def test_an_episode_that_cannot_be_unpacked_is_told(opened: Open) -> None:
    spoil = "addEventListener('DOMContentLoaded', () => document.getElementById('chunk-0').remove())"
    page = opened(tasks(3), script=spoil)
    page.locator("#list tbody a").first.click()
    page.get_by_text("Episode 1.1 cannot be read").wait_for()


def test_a_link_to_nothing_does_nothing(opened: Open) -> None:
    assert title(opened(tasks(3), at="#e7.1")) == "No episode chosen"


# hostile traces


def test_hostile_text_is_only_text(opened: Open) -> None:
    page = opened([hostile(), failed()], [line()])
    page.locator("#list tbody a").first.click()
    page.wait_for_selector("#trace .step")
    assert page.title() == "a, b"
    assert page.locator("#trace :is(img, script, b, svg, a)").count() == 0
    text = page.locator("#trace").inner_text()
    assert text.count('</script><script>document.title = "owned"</script>') > 10
    assert "U+202E" in text
    assert "U+200B" in text
    assert "\u202e" not in page.locator("body").inner_text()
    marks = page.locator("#trace pre .unseen-character").all_inner_texts()
    assert set(marks) >= {"U+202E", "U+2066", "U+200B", "U+0000", "U+001B", "U+FEFF", "U+E0041", "U+D800", "U+2028"}
    options = page.locator("#filters [name=family] option").all_inner_texts()
    assert any("⟨U+202E⟩" in each for each in options)


def test_the_policy_would_stop_what_got_through(opened: Open, complaints: list[str]) -> None:
    """Even a script that somehow stood in the page would not run, and an image would not be asked for."""
    page = opened([line()])
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'owned'";
            document.body.append(script);
            const image = document.createElement("img");
            image.setAttribute("onerror", "document.title = 'owned'");
            image.src = "http://127.0.0.1:9/x.png";
            document.body.append(image);
        }"""
    )
    page.wait_for_timeout(200)
    assert page.title() == "a"
    assert sum("Content Security Policy" in each for each in complaints) >= 2
    complaints.clear()


# for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(opened: Open, scheme: str) -> None:
    """At least 4.5 to 1, as WCAG wants it; every kind of text that the page has."""
    page = opened([failed(), line(task="f/2"), faulty(task="f/3")], [line(), line(task="f/2")], color_scheme=scheme)
    page.locator("#list tbody a").first.click()
    page.wait_for_selector("#trace .step")
    poor = page.evaluate(
        """() => {
            const channels = (color) => color.match(/[\\d.]+/g).slice(0, 4).map(Number);
            const light = (rgb) => {
                const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const behind = (element) => {
                for (let at = element; at; at = at.parentElement) {
                    const color = channels(getComputedStyle(at).backgroundColor);
                    if (color.length < 4 || color[3] > 0) return color;
                }
            };
            const poor = [];
            for (const element of document.querySelectorAll("body *")) {
                const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
                if (!own || !element.checkVisibility()) continue;
                if (element.matches(":disabled, script, .unseen, .skip, svg *")) continue;
                const pair = [channels(getComputedStyle(element).color), behind(element)];
                const [a, b] = pair.map((color) => light(color.slice(0, 3)));
                const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                if (contrast < 4.5) poor.push(`${element.tagName}.${element.className} ${contrast.toFixed(2)}`);
            }
            return poor;
        }"""
    )
    assert poor == []


def test_every_control_and_region_has_a_name(opened: Open) -> None:
    page = opened([failed(), line(task="f/2")], [line()])
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("select, input, button, section, article, nav, form, [role=group]")]
            .filter((each) => !(each.labels?.length || each.ariaLabel
                || (each.textContent.trim() && each.tagName === "BUTTON")
                || document.getElementById(each.getAttribute("aria-labelledby"))))
            .map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").count() == 1
    headings = page.locator("h1, h2, h3, h4, h5").evaluate_all("all => all.map(each => Number(each.tagName[1]))")
    assert all(later <= before + 1 for before, later in itertools.pairwise(headings))


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_the_page_fits_its_window(opened: Open, width: int) -> None:
    page = opened([failed(task="a_family_with_a_long_name/0123456789abcdef")], [line()])
    page.set_viewport_size({"width": width, "height": 800})
    page.locator("#list tbody a").first.click()
    page.wait_for_selector("#trace .step")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_without_scripts_the_figures_are_there(opened: Open) -> None:
    page = opened([line(), failed(task="f/2")], java_script_enabled=False)
    assert "50.0 %" in page.locator("#success").inner_text()
    assert "this browser runs none" in page.locator("#episodes").inner_text()
    assert not page.locator("#filters").is_visible()


OLD = "delete window.DecompressionStream;"


def test_an_older_browser_is_told_what_to_do(opened: Open) -> None:
    page = opened([line()], script=OLD)
    assert "--plain" in page.locator("#problem").inner_text()


def test_a_plain_page_is_read_by_an_older_browser(opened: Open) -> None:
    page = opened([hostile(), line()], plain=True, script=OLD)
    page.locator("#list tbody a").first.click()
    page.wait_for_selector("#trace .step")
    assert '</script><script>document.title = "owned"</script>' in page.locator("#trace").inner_text()


# as runs grow


def test_a_page_that_is_served_says_when_runs_have_grown(opened: Open, tmp_path: Path) -> None:
    run = written(tmp_path / "grows", tasks(3))
    with Viewer([run]) as viewer:
        page = opened(url=viewer.url, at="#e1.2")
        assert page.locator("#changed").inner_text() == ""
        written(run, tasks(4))
        page.get_by_role("button", name="Reload").click()
        page.locator("#list tbody tr").nth(3).wait_for()
        shown(page, "f/001")


# many


@pytest.mark.slow
def test_ten_thousand_episodes_are_fine(opened: Open, tmp_path: Path) -> None:
    page = opened(many(5000), many(5000, solved=0.6, seed=1))
    assert count(page) == "1 to 50 of 10000 episodes"
    assert page.locator("#list tbody tr").count() == 50
    assert (tmp_path / "page.html").stat().st_size < 10e6
    page.locator("#filters [name=flip]").select_option(label="gained")
    page.locator("#next").click()
    page.locator("#list tbody a").nth(49).click()
    page.wait_for_selector("#trace .step")
