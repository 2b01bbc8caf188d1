from tests.config.sample import bend, found


def hints(*changes: tuple[str, str]) -> list[str]:
    return [finding.hint for finding in found(bend(*changes))]


def test_nearest_name_is_suggested_with_its_place() -> None:
    assert hints(("[anna-mobile, ", "[Ana-Mobile, ")) == ["did you mean 'anna-mobile'? (defined at line 12)"]


def test_name_of_another_kind_is_recognised() -> None:
    assert hints(("ring: [answering]", "ring: [answering, hq-pbx]")) == [
        "'hq-pbx' is a trunk (line 7); name an endpoint here"
    ]


def test_name_like_no_other_gets_the_list() -> None:
    assert hints(("via: [carrier-a]", "via: [carrier-a, xyz]")) == [
        "define it under 'trunks', or write 'carrier-a' or 'carrier-b' or 'hq-pbx'"
    ]


def test_probe_may_be_off_as_well() -> None:
    assert hints(("probe: fast", "probe: none")) == ["define it under 'probes', or write off or 'fast'"]


def test_missing_section_makes_no_noise_about_its_names() -> None:
    text = bend(("trunks:", "trunk:"))
    assert [finding.message for finding in found(text)] == ["unknown key 'trunk'"]


def test_ten_thousand_different_slips_are_found_in_time() -> None:
    endpoints = "".join(f"  phone-{n}: {{user: '{n}', via: [hq-pbx]}}\n" for n in range(3000))
    ring = ", ".join(f"fone-{n}" for n in range(3000))
    text = bend(("chains:\n", endpoints + "chains:\n"), ("ring: [answering]", f"ring: [{ring}]"))
    slips = [finding for finding in found(text) if finding.code == "UNKNOWN_NAME"]
    assert len(slips) == 3000
    assert slips[0].hint.startswith("did you mean 'phone-0'?")
