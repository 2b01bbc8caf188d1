"""The console in Chromium: the board is live, and who may do what."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from controller.control import OPS, ask_soon
from sip.agent import Script
from tests.console.proxy import proxy
from tests.console.scene import OPERATOR, VIEWER, Backstage, Visitor
from tests.ops.stage import Stage, ops_of

Visit = Callable[..., Visitor]

#: Every view: its heading, and what stands there once it is drawn.
VIEWS = {
    "board": ("Board", "[data-row]"),
    "chains": ("Chains", ".stage"),
    "calls": ("Calls", "[data-row]"),
    "cascades": ("Cascades", ".plain"),
    "timeline": ("Timeline", "[data-row]"),
    "explain": ("Explain", "form"),
    "what-if": ("What-if", "form"),
    "alerts": ("Alerts", ".panel, .plain"),
    "drills": ("Drills", ".drills-list [data-row]"),
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: A theme changes colours and nothing else.
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
GRAVE = ("serious", "critical")


def test_a_wrong_token_is_refused_and_a_right_one_lasts_until_logout(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    page.goto(visitor.url + "/")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("That token is not known here.")
    assert any("401" in error for error in visitor.errors)
    visitor.errors.clear()  # the browser says so itself
    visitor.log_in(VIEWER)
    page.reload()
    expect(page.get_by_role("heading", level=1, name="Board")).to_be_visible()
    cookies = visitor.context.cookies(visitor.url + "/v1/session")
    assert [(each["httpOnly"], each["sameSite"], each["path"]) for each in cookies] == [(True, "Strict", "/v1")]
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    kept = f"{cookies[0]['name']}={cookies[0]['value']}"
    answer = page.request.get(visitor.url + "/v1/status", headers={"cookie": kept})
    assert answer.status == 401  # what was logged out is worth nothing to whoever kept it


def test_a_trunk_that_loses_power_goes_down_before_ones_eyes_and_comes_back(visit: Visit, scene: Backstage) -> None:
    page = visit().log_in(VIEWER)
    row = page.locator('[data-name="carrier-a"]')
    expect(row.locator(".badge")).to_have_text("Up")
    scene.tell(lambda here: here.testbed.boxes["carrier-a"].silence())
    expect(row.locator(".badge")).to_have_text("Down")
    expect(row.locator(".why")).to_contain_text("probes in a row unanswered")
    expect(page.locator(".tiles .down dd")).to_have_text("2 of 3")
    expect(page.locator("#say")).to_have_text("carrier-a is down")
    scene.tell(lambda here: here.testbed.boxes["carrier-a"].revive())
    expect(row.locator(".badge")).to_have_text("Up")


def test_an_operator_drains_by_click_and_a_viewer_cannot(visit: Visit) -> None:
    page, looking = visit().log_in(OPERATOR), visit()
    row = looking.log_in(VIEWER).locator('[data-name="carrier-b"]')
    expect(row.get_by_role("button")).to_have_count(0)
    refused = looking.page.evaluate(
        """() => fetch("v1/trunks/carrier-b/drain", {method: "POST", headers: {"x-callward": "page"}}).then(a => a.status)"""
    )
    assert refused == 403
    assert any("403" in error for error in looking.errors)
    looking.errors.clear()
    page.get_by_role("button", name="Drain carrier-b", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Drain").click()
    expect(page.get_by_text("carrier-b is drained.")).to_be_visible()
    expect(row.locator(".badge")).to_have_text("Drained")
    page.get_by_role("button", name="Undrain carrier-b").click()
    page.get_by_role("dialog").get_by_role("button", name="Undrain").click()
    expect(row.locator(".badge")).to_have_text("Up")


def test_an_operator_drills_by_click_and_sees_what_was_never_exercised(visit: Visit) -> None:
    visitor, looking = visit(), visit()
    page = visitor.log_in(OPERATOR)
    looking.log_in(VIEWER)
    for each in (visitor, looking):
        each.see("drills")
    row = page.locator('[data-trunk="carrier-b"]')
    expect(row.locator(".badge")).to_have_text("Never")
    expect(page.locator('[data-trunk="hq-pbx"]')).to_contain_text("No test number")
    expect(page.get_by_role("button", name="Drill hq-pbx")).to_have_count(0)
    expect(looking.page.locator('[data-trunk="carrier-b"]')).to_be_visible()
    expect(looking.page.get_by_role("button", name="Drill", exact=False)).to_have_count(0)
    page.get_by_role("button", name="Drill carrier-b").click()
    page.get_by_role("dialog").get_by_role("button", name="Drill").click()
    expect(page.locator(".toast")).to_contain_text("carrier-b passed: 200 after ")
    for each in (page, looking.page):
        expect(each.locator('[data-trunk="carrier-b"] .badge')).to_have_text("Exercised")
        path = each.locator(".drills-list tr", has_text="anna-mobile via carrier-b")
        expect(path).to_contain_text("a drill of carrier-b")
        expect(each.locator(".drills-list tbody .badge").first).not_to_have_text("Exercised")


def test_an_alert_is_shown_acknowledged_and_over(visit: Visit, scene: Backstage) -> None:
    visitor, looking = visit(), visit()
    page = visitor.log_in(OPERATOR)
    looking.log_in(VIEWER)
    for each in (visitor, looking):
        each.see("alerts")
        expect(each.page.locator(".plain")).to_have_text("All is well: no alert is open.")
    scene.tell(lambda here: here.testbed.boxes["hq-pbx"].silence())
    card = page.locator(".alert", has_text="hq-pbx")
    expect(card.locator(".badge")).to_have_text("Critical")
    expect(card).to_contain_text("Told: pager.")
    expect(card.locator(".bad")).to_contain_text("wall was not reached, ")  # and whoever looks is told so
    expect(page.locator(".alarm")).to_contain_text("not delivered yet")
    assert not grave_findings(page), "an alert is for everybody too"
    theirs = looking.page.locator(".alert", has_text="hq-pbx")
    expect(theirs).to_be_visible()
    expect(theirs.get_by_role("button")).to_have_count(0)
    card.get_by_role("button", name="I look after it").click()
    expect(card).to_contain_text("operator looks after it.")
    expect(card.get_by_role("button")).to_have_count(0)
    expect(theirs).to_contain_text("operator looks after it.")
    card.locator("summary").click()
    expect(card.locator(".steps")).to_contain_text("hq-pbx")
    scene.tell(lambda here: here.testbed.boxes["hq-pbx"].revive())
    expect(card.locator(".badge")).to_have_text("Over")
    expect(page.locator(".plain")).to_have_text("All is well: no alert is open.")


def test_the_way_out_that_a_call_would_take_now_is_shown(visit: Visit, scene: Backstage) -> None:
    visitor = visit()
    page = visitor.log_in(VIEWER)
    visitor.see("chains")
    out = page.locator(".chain", has=page.get_by_role("heading", name="outbound +44"))
    expect(out.locator(".now")).to_have_text("A call now goes to carrier-a")
    expect(out.locator(".dids")).to_have_text("+44… from hq-pbx")
    expect(page.locator(".chain", has_text="sales").first.locator(".now")).to_contain_text("front-desk via hq-pbx")
    scene.tell(lambda here: here.testbed.boxes["carrier-a"].silence())
    expect(out.locator(".now")).to_have_text("A call now goes to carrier-b")
    scene.tell(lambda here: here.testbed.boxes["carrier-a"].revive())
    expect(out.locator(".now")).to_have_text("A call now goes to carrier-a")


def grave_findings(page: Page, rules: object = RULES) -> list[object]:
    """What axe finds that keeps somebody out."""
    options = {"resultTypes": ["violations"], "runOnly": rules}
    found = Axe().run(page, options=options).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found if each["impact"] in GRAVE]


def test_every_page_opens_without_errors_and_for_everybody(visit: Visit, scene: Backstage) -> None:
    for _ in range(2):
        scene.do(lambda here: here.call())
    visitor = visit()
    page = visitor.log_in(OPERATOR)
    for name, (title, content) in VIEWS.items():
        visitor.see(name)
        expect(page).to_have_title(f"{title} · callward")
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        expect(page.locator("nav [aria-current]")).to_have_text(title)
        page.locator(content).first.wait_for()
        for scheme, rules in (("light", RULES), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal, in a loop
            grave = grave_findings(page, rules)
            assert not grave, (name, scheme, grave)
        for size in (320, 390, 3840):
            page.set_viewport_size({"width": size, "height": 800})
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, (name, size, wider)
        page.set_viewport_size({"width": 1280, "height": 800})


def test_nothing_of_the_demo_is_there_in_earnest(visit: Visit) -> None:
    visitor = visit()
    visitor.page.goto(f"{visitor.url}/#/token/{OPERATOR}")
    expect(visitor.page.get_by_label("Token")).to_be_visible()  # a link logs nobody in
    page = visitor.log_in(OPERATOR)
    expect(page.locator("nav a")).to_have_count(len(VIEWS))
    assert page.request.get(visitor.url + "/v1/demo").status == 404
    kill = visitor.url + "/v1/demo/hq-pbx/kill"
    assert page.request.post(kill, headers={"x-callward": "page"}).status == 404


def test_a_call_shows_as_it_comes_and_leads_to_its_ladder(visit: Visit, scene: Backstage) -> None:
    visitor, looking = visit(), visit()
    scene.do(lambda here: here.call())
    page = visitor.log_in(OPERATOR)
    looking.log_in(VIEWER)
    for each in (visitor, looking):
        each.see("calls")
        each.page.locator("[data-row]").first.wait_for()
    before = page.locator("[data-row]").count()
    scene.do(lambda here: here.call())
    expect(page.locator("[data-row]")).to_have_count(before + 1)
    expect(page.locator("[data-row]").first).to_contain_text("+15550001")
    expect(looking.page.locator("[data-row]")).to_have_count(before + 1)
    first = looking.page.locator("[data-row]").first
    expect(first).to_contain_text("…01")
    expect(first).not_to_contain_text("+15550001")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".view.call")).to_be_visible()
    expect(page.locator(".ladder svg")).to_contain_text("INVITE")
    expect(page.locator(".facts")).to_contain_text("front-desk via hq-pbx")


def test_a_call_that_rings_is_seen_while_it_does(visit: Visit, scene: Backstage) -> None:
    visitor = visit()
    page = visitor.log_in(VIEWER)
    visitor.see("calls")
    scene.tell(lambda here: here.testbed.set_habit("front-desk", Script(answer_after=None)))
    calling = scene.begin(lambda here: here.call())
    row = page.get_by_role("table", name="Being set up now").locator("tbody tr")
    expect(row).to_contain_text("front-desk via hq-pbx, alerting")
    expect(row).to_contain_text("…01")
    expect(page.locator("main")).to_contain_text("1 call is being set up")
    calling.result(60)  # Anna's mobile has it after ten seconds
    scene.tell(lambda here: here.testbed.set_habit("front-desk"))
    expect(row).to_have_count(0)


def test_questions_are_answered_by_what_carries_calls(visit: Visit) -> None:
    visitor = visit()
    page = visitor.log_in(VIEWER)
    visitor.see("explain")
    page.get_by_label("Called number").fill("+15557000")
    page.get_by_label("hq-pbx", exact=False).check()
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".steps").first.locator("li").first).to_have_text("anna-mobile via carrier-a")
    expect(page.locator("main")).to_contain_text("hq-pbx is down (ASSUMED)")
    expect(page.locator("main")).not_to_contain_text("+15550100")  # a viewer's numbers are masked
    visitor.see("what-if")
    page.get_by_role("button", name="Each in turn").click()
    expect(page.locator("tbody tr").first).to_contain_text("route")
    page.get_by_label("hq-pbx").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("tbody")).to_contain_text("anna-mobile via carrier-a")


def test_keys_lead_everywhere(visit: Visit) -> None:
    page = visit().log_in(VIEWER)
    for key, title in (("t", "Timeline"), ("h", "Chains"), ("b", "Board")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.locator("[data-row]").first.wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement === document.querySelector('[data-row]')")
    page.get_by_role("button", name="Theme: auto").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.get_by_role("button", name="Theme: light").click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.locator("[data-row]").first.wait_for()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Next row")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", level=1)).to_have_text("Calls")
    page.locator("[data-filter]").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("nothing like it")
    expect(page.get_by_text("No call fits the filter.")).to_be_visible()


def test_it_works_below_any_path_of_a_proxy(visit: Visit, scene: Backstage) -> None:
    visitor = visit()
    with proxy(scene, "/ops/callward") as visitor.url:
        page = visitor.log_in(OPERATOR)
        expect(page.locator("#link")).to_have_text("Live")
        paths = {each["path"] for each in visitor.context.cookies(visitor.url + "/v1/session")}
        assert paths == {"/ops/callward/v1"}  # whatever else is behind that proxy never sees it
        visitor.see("chains")
        expect(page.locator(".stage").first).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Token")).to_be_visible()


def test_a_reload_lets_nobody_fall(visit: Visit, scene: Backstage) -> None:
    visitor = visit()
    page = visitor.log_in(VIEWER)

    async def reload(here: Stage) -> None:
        assert (await ask_soon(here.state_dir, "reload", 30.0, file=OPS))["ok"]

    with page.expect_request("**/v1/stream"):  # the page asks anew
        scene.do(reload)
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator('[data-name="hq-pbx"] .badge')).to_have_text("Up")
    visitor.errors.clear()  # that a stream was cut short, the browser says itself


def test_the_page_comes_back_by_itself_when_the_process_was_killed(visit: Visit, scene: Backstage) -> None:
    visitor = visit()
    page = visitor.log_in(VIEWER)
    expect(page.locator("#link")).to_have_text("Live")
    os.kill(ops_of(scene.here.testbed.daemon.pid), signal.SIGKILL)
    expect(page.locator("#link")).to_have_text("Reconnecting")
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator('[data-name="hq-pbx"] .badge')).to_have_text("Up")
    visitor.errors.clear()  # that nobody answered, the browser says itself


def test_a_process_for_calls_that_hangs_is_said_and_what_is_shown_is_old(visit: Visit, scene: Backstage) -> None:
    page = visit().log_in(VIEWER)
    pid = scene.here.testbed.daemon.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        expect(page.get_by_text("The process for calls does not answer.")).to_be_visible()
        expect(page.locator("#link")).to_have_text("No answer: calls")
        expect(page.locator(".group.stale")).to_have_count(1)
        expect(page.locator(".tiles div", has_text="Calls up")).to_contain_text("–")
        answer = page.request.get(page.url.partition("#")[0] + "healthz")
        assert (answer.status, answer.json()) == (503, {"ok": False, "silent": ["calls"]})
    finally:
        os.kill(pid, signal.SIGCONT)
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator(".group.stale")).to_have_count(0)
    assert page.request.get(page.url.partition("#")[0] + "healthz").json() == {"ok": True, "silent": []}


def test_a_server_that_hangs_is_not_live(visit: Visit, scene: Backstage) -> None:
    visitor = visit()
    visitor.page.clock.install()
    page = visitor.log_in(VIEWER)
    expect(page.locator("#link")).to_have_text("Live")
    ops = ops_of(scene.here.testbed.daemon.pid)
    os.kill(ops, signal.SIGSTOP)
    try:
        page.clock.fast_forward(20_000)
        expect(page.locator("#link")).to_have_text("Reconnecting")
    finally:
        os.kill(ops, signal.SIGCONT)
    expect(page.locator("#link")).to_have_text("Live")


def test_a_board_of_many_trunks_has_a_filter(visit: Visit) -> None:
    page = visit().log_in(VIEWER)
    box = page.get_by_label("Filter trunks and providers")
    expect(box).to_be_hidden()  # three need none
    page.evaluate(
        """async () => {
            const { rows } = await import("/page/store.js");
            const one = [...rows.values()].find((row) => row.kind === "trunk");
            for (let i = 0; i < 30; i++) rows.set(`trunk:more-${i}`, { ...one, name: `more-${i}`, carrier: `c${i % 3}`, state: i ? "up" : "degraded" });
            document.querySelector("[data-filter]").dispatchEvent(new Event("input"));
        }"""
    )
    expect(box).to_be_visible()
    rows = page.locator(".board-table [data-row]")
    page.keyboard.press("/")
    page.keyboard.type("carrier c1 more")
    expect(rows).to_have_count(10)
    box.fill("degraded")
    expect(rows).to_have_count(1)
    box.fill("nothing has that name")
    expect(page.get_by_text("No trunk or provider fits the filter.")).to_be_visible()
    box.fill("")
    expect(rows).to_have_count(33)
