"""The console in Chromium: the board is live, and who may do what."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.console.scene import OPERATOR, VIEWER, Backstage, Visitor

Visit = Callable[..., Visitor]


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
