"""The explorer, in a real Chromium against a live server. Its screenshots stay in build/screenshots."""

import gzip
import re
import shutil

import httpx
import pytest
from conftest import ROOT, SMALL, Server, run
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
SHOTS = ROOT / "build/screenshots"
GZIP_BYTES_MAX = 200_000
DESKTOP, PHONE, NARROW = (1440, 900), (390, 844), (320, 640)

expect.set_options(timeout=20_000)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian's package chromium)")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])


@pytest.fixture(scope="module")
def server(small_world, tmp_path_factory):
    data = tmp_path_factory.mktemp("explorer") / "data"
    shutil.copytree(small_world, data)
    server = Server(data).wait_ready()
    yield server
    server.stop()


@pytest.fixture
def open_page(browser):
    """A function that opens a page of a server. What it may never do is held after each test."""
    opened, strangers, faults = [], [], []

    def open_at(server, route="", size=DESKTOP, scheme="light"):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce", locale="en-US"
        )
        context.set_default_timeout(15_000)
        opened.append(context)
        page = context.new_page()
        page.on("request", lambda request: request.url.startswith((server.url, "data:")) or strangers.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: "Content Security Policy" in said.text and faults.append(said.text))
        page.goto(f"{server.url}/#/{route}")
        return page

    yield open_at
    for context in opened:
        context.close()
    assert strangers == [], "a request left the machine"
    assert faults == []


def somebody(server, place=0):
    return server.client.get("/v1/users", params={"n": place + 1}).json()["users"][place]["user"]


def cards(page):
    return page.locator(".slate").first.locator(".card")


def titles(page):
    return cards(page).locator("h3").all_inner_texts()


def keep(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def assert_accessible(page, where):
    page.evaluate(AXE.read_text())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    # Covers are patterns without a meaning, and have a hundred paths.
    look = "tags => axe.run({exclude: ['.cover']}, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"
    found = page.evaluate(look, tags)
    problems = [(one["id"], one["nodes"][0]["html"][:200], len(one["nodes"])) for one in found["violations"]]
    assert problems == [], where
    assert len(found["passes"]) > 15, "axe looked at the page"


def assert_fits(page):
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_what_is_paid_for_is_labelled(small_world, tmp_path, open_page):
    shutil.copytree(small_world, tmp_path / "data")
    config = tmp_path / "palate.toml"
    config.write_text('[recommend]\npipeline = "paid"\n[pipelines.paid]\nstages = ["popular", "pin items=i00007 sponsored=true"]\n')
    server = Server(tmp_path / "data", "--config", config).wait_ready()
    try:
        page = open_page(server)
        expect(cards(page).first.get_by_text("Sponsored", exact=True)).to_be_visible()
        expect(page.get_by_text("Sponsored", exact=True)).to_have_count(1)
        assert_accessible(page, "a sponsored card")
    finally:
        server.stop()


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_the_page_is_small_and_comes_packed_or_not(server):
    packed, plain = {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}
    home = server.client.get("/", headers=plain)
    names = ["/", *re.findall(r'(?:src|href)="\.?(/assets/[^"]+)"', home.text)]
    assert len(names) == 3, home.text
    total = 0
    for name in names:
        with server.client.stream("GET", name, headers=packed) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip" and answer.headers["vary"] == "Accept-Encoding"
        unpacked = server.client.get(name, headers=plain)
        assert "content-encoding" not in unpacked.headers and gzip.decompress(raw) == unpacked.content
        assert ("immutable" in answer.headers["cache-control"]) == (name != "/")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        total += len(raw)
    assert 10_000 < total < GZIP_BYTES_MAX


def test_nothing_can_leave_the_machine(browser, server):
    """That nothing does is held after each test; here, that the browser would not let it."""
    page = browser.new_page()
    page.goto(server.url)
    refused = page.evaluate(
        """() => new Promise(done => {
            document.addEventListener("securitypolicyviolation", event => done(event.effectiveDirective));
            fetch("http://192.0.2.1/").catch(() => {});
        })"""
    )
    assert refused == "connect-src"
    page.context.close()


def test_it_is_usable_in_a_second(open_page, server):
    user, seconds = somebody(server), [9.0]
    while min(seconds) >= 1 and len(seconds) < 20:  # the machine may be busy with something else
        page = open_page(server, f"user/{user}")
        ready = page.wait_for_function("() => document.querySelector('.card .act') && performance.now()")
        seconds.append(ready.json_value() / 1000)
        page.context.close()
    assert min(seconds) < 1, seconds


# --- what one does with it --------------------------------------------------------------------------------------------


def test_whoever_comes_finds_a_user_by_keyboard(open_page, server):
    page, user = open_page(server), somebody(server)
    expect(page.get_by_role("heading", level=1)).to_have_text("Anybody")
    expect(cards(page)).to_have_count(12)
    expect(cards(page).first).to_contain_text("Popular with everybody")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the list")).to_be_focused()
    box = page.get_by_role("combobox", name="Find a user")
    box.focus()
    page.keyboard.type(user[:3])
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(8)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("listbox").get_by_role("option", selected=True)).to_have_text(re.compile(user))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(user)
    expect(page.locator(".about").first).to_contain_text("personal")
    expect(page.locator(".history li").first).to_be_visible()
    expect(cards(page).first).to_contain_text("Because of")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Anybody")


@pytest.mark.parametrize(("button", "said", "type"), [("Like", "Liked", "like"), ("Hide", "Hidden", "hide")])
def test_what_is_done_to_a_card_changes_the_list(open_page, server, button, said, type):
    user = somebody(server, 1)
    page = open_page(server, f"user/{user}")
    expect(cards(page)).to_have_count(12)
    first = titles(page)[0]
    act = page.get_by_role("button", name=f"{button} {first}", exact=True)
    act.focus()
    page.keyboard.press("Enter")
    pulse = page.locator(".pulse")
    expect(pulse).to_contain_text(f"{said} {first}")
    expect(pulse).to_contain_text(re.compile(r"[\d.]+ ms until it was durable"))
    expect(pulse).to_contain_text(re.compile(r"[\d.]+ ms for the next list"))
    expect(page.locator(".history li").first).to_contain_text(first)
    if type == "like":  # what was consumed goes
        assert first not in titles(page)
        expect(page.locator(".move").first).to_be_visible()
        assert page.evaluate("document.activeElement.matches('.cards')"), "the focus stays near"
        keep(page, "after-a-like")
    entry = server.client.get(f"/v1/users/{user}", params={"history": 1}).json()["history"][0]
    assert entry["type"] == type


def test_a_rating_is_the_value_of_an_event(open_page, server):
    user = somebody(server, 2)
    page = open_page(server, f"user/{user}")
    cards(page).first.get_by_role("button", name="4 of 5").click()
    expect(page.locator(".pulse")).to_contain_text("with 4")
    entry = server.client.get(f"/v1/users/{user}", params={"history": 1}).json()["history"][0]
    assert (entry["type"], entry["value"]) == ("rating", 4)


def test_somebody_new_becomes_known(open_page, server):
    page = open_page(server)
    page.get_by_role("button", name="Be somebody new").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("guest-"))
    expect(page.locator(".person")).to_contain_text("Nobody knows this user yet")
    expect(page.locator(".history")).to_contain_text("Nothing yet")
    expect(page.locator(".about")).to_contain_text("not personal")
    keep(page, "somebody-new")
    cards(page).first.get_by_role("button", name=re.compile("^Like")).click()
    expect(page.locator(".about .strong")).to_have_text("personal")
    expect(page.locator(".history li")).to_have_count(1)


def test_two_lists_stand_side_by_side(open_page, server):
    user, other = somebody(server), somebody(server, 3)
    page = open_page(server, f"user/{user}")
    page.get_by_role("button", name="Side by side").click()
    expect(page.get_by_role("region", name=f"The list for {user}")).to_be_visible()
    expect(page.get_by_role("region", name="The list for anybody").locator(".card")).to_have_count(12)
    expect(page.locator(".shared").first).to_contain_text("of 12 are in both lists")
    expect(page.locator(".beside").first).to_have_text(re.compile(r"only here|\d+ there"))
    page.get_by_label("Beside it").select_option("another user")
    page.get_by_role("combobox", name="Which user").fill(other)
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name=f"The list for {other}").locator(".card")).to_have_count(12)
    page.reload()
    expect(page.get_by_role("region", name=f"The list for {other}")).to_be_visible()
    page.get_by_label("Beside it").select_option("another filter")
    page.locator("#other-filter").fill('category != "drama"')
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name=re.compile("only category")).locator(".card")).to_have_count(12)
    keep(page, "side-by-side")


def test_why_and_why_not(open_page, server):
    user = somebody(server)
    page = open_page(server, f"user/{user}")
    why = cards(page).nth(1).get_by_role("button", name=re.compile("^Why"))
    why.click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("It comes, at place 2 of")
    expect(sheet.locator(".reasons li").first).to_be_visible()
    words = sheet.locator("h3", has_text="What the taste makes of it, in words")
    expect(words).to_be_visible()
    expect(words.locator("+ ul li").last).to_contain_text("whatever the item")
    keep(page, "why")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    expect(why).to_be_focused()
    consumed = server.client.get(f"/v1/users/{user}").json()["history"]
    item = next(one["item"] for one in consumed if one["preference"] > 0)
    page.get_by_role("button", name="Why not …?").click()
    page.get_by_role("combobox", name="Which one do you miss?").fill(item)
    page.get_by_role("listbox").get_by_role("option").first.click()
    expect(sheet).to_contain_text("It does not come")
    expect(sheet.locator(".drops")).to_contain_text("consumed")
    keep(page, "why-not")
    sheet.get_by_role("button", name="Show the list so").click()
    expect(page.get_by_label("Include consumed")).to_be_checked()


def test_what_the_stages_of_a_pipeline_did(open_page, server):
    user = somebody(server)
    page = open_page(server, f"user/{user}")
    expect(page.get_by_label("Pipeline")).to_have_value("plain")
    page.get_by_label("Pipeline").select_option("feed")
    trail = cards(page).nth(1).locator(".trail li")
    expect(trail.filter(has_text=re.compile("^personal$"))).to_have_count(1)
    expect(trail.filter(has_text="spread")).to_contain_text("2")
    page.locator(".stages summary").click()
    stages = ["personal", "similar", "popular", "new", "formula", "calibrate", "dpp", "spread"]
    expect(page.locator(".stages tbody tr")).to_have_text([re.compile(stage) for stage in stages])
    assert_accessible(page, "stages")
    page.get_by_role("button", name="Side by side").click()
    page.get_by_label("Beside it").select_option("another pipeline")
    page.get_by_label("Which pipeline").select_option("plain")
    expect(page.get_by_role("region", name=f"The list for {user} · plain").locator(".about")).to_contain_text("pipeline plain")
    expect(page.locator(".shared").first).to_have_text(re.compile("[0-9]+ of 12 are in both lists"))
    keep(page, "pipelines")


def test_an_item_has_a_page_with_its_neighbours(open_page, server):
    user = somebody(server)
    page = open_page(server, f"user/{user}")
    cards(page).first.locator("h3 a").click()
    expect(page.get_by_role("link", name=f"The list for {user}")).to_be_visible()
    expect(page.locator(".facts").first).to_contain_text("Categories")
    expect(page.locator(".verdict")).to_contain_text("place 1 of")
    expect(page.locator(".card")).to_have_count(12)
    keep(page, "item")
    title = page.get_by_role("heading", level=1).inner_text()
    page.locator(".card h3 a").first.click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text(title)


def test_pages_follow_without_repeats(open_page, server):
    page = open_page(server, f"user/{somebody(server)}")
    for count in (24, 36):
        page.get_by_role("button", name="Show more").click()
        expect(cards(page)).to_have_count(count)
    shown = page.locator("[data-flip]").evaluate_all("all => all.map(one => one.dataset.flip)")
    assert len(set(shown)) == 36


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_problems_are_shown_as_what_they_say(open_page, server):
    page = open_page(server, f"user/{somebody(server)}")
    field = page.get_by_label("Only items where")
    field.fill("categry = 1")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("did you mean 'category'")
    keep(page, "problem")
    field.fill('category = "nothing-is-in-this"')
    field.press("Enter")
    expect(page.locator(".slate")).to_contain_text(re.compile("Nothing is left|no item"))
    page.get_by_role("button", name="No filter").click()
    expect(cards(page)).to_have_count(12)


def test_an_item_that_is_not_there(open_page, server):
    page = open_page(server, "item/no-such-item")
    expect(page.get_by_role("alert").first).to_contain_text("no-such-item")


def test_before_the_first_release_and_without_a_server(open_page, serve, tmp_path):
    data = tmp_path / "data"
    assert run("simulate", "--data", data, *SMALL).returncode == 0
    server = serve(data)
    page = open_page(server)
    expect(page.get_by_role("alert")).to_contain_text("palate train")
    expect(page.locator(".server")).to_have_text("Not ready")
    keep(page, "no-release")
    assert run("train", "--data", data).returncode == 0
    expect(cards(page)).to_have_count(12)
    expect(page.get_by_role("alert")).to_have_count(0)
    server.stop()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    expect(cards(page)).to_have_count(12)
    expect(page.locator(".server")).to_have_text("No answer")
    keep(page, "no-server")


# --- for everybody ----------------------------------------------------------------------------------------------------

LOOKS = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_axe_finds_nothing_on_the_list(open_page, server, size, scheme):
    name = f"{'phone' if size == PHONE else 'desktop'}-{scheme}"
    page = open_page(server, f"user/{somebody(server)}", size, scheme)
    cards(page).first.get_by_role("button", name=re.compile("^Click")).click()
    expect(page.locator(".pulse")).to_contain_text("for the next list")
    assert_accessible(page, "user")
    keep(page, f"user-{name}")
    page.get_by_role("button", name="Side by side").click()
    expect(page.locator(".card")).to_have_count(24)
    keep(page, f"beside-{name}")
    if size == PHONE:
        assert_accessible(page, "side by side")
    cards(page).first.get_by_role("button", name=re.compile("^Why")).click()
    expect(page.locator(".reasons li").first).to_be_visible()
    assert_accessible(page, "why")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_other_pages(open_page, server, scheme):
    user = somebody(server)
    item = server.client.get("/v1/recommendations").json()["items"][0]["item"]
    for route, shown in [("", ".lately a"), (f"item/{item}?user={user}", ".reasons li"), ("?filter=x", ".slate [role=alert]")]:
        page = open_page(server, route, DESKTOP, scheme)
        expect(page.locator(shown).first).to_be_visible()
        assert_accessible(page, route)
    keep(page, f"problem-{scheme}")


@pytest.mark.parametrize("route", ["", "user/{}", "user/{}?beside=anybody:", "item/i00001?user={}"])
def test_nothing_is_wider_than_a_small_phone(open_page, server, route):
    page = open_page(server, route.format(somebody(server)), NARROW)
    expect(page.locator(".card").first).to_be_visible()
    assert_fits(page)


def test_colours_can_be_chosen_and_are_kept(open_page, server):
    page = open_page(server)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Colours: auto. Switch to light").click()
    page.get_by_role("button", name="Colours: light. Switch to dark").click()
    expect(page.locator("body")).not_to_have_css("background-color", light)
    dark = page.evaluate(ground)
    page.reload()
    expect(page.get_by_role("button", name="Colours: dark. Switch to auto")).to_be_visible()
    assert page.evaluate(ground) == dark


def test_the_pages_are_described(server):
    document = httpx.get(server.url + "/openapi.json").json()
    assert {"/", "/assets/{id}", "/v1/users", "/v1/items"} <= document["paths"].keys()
