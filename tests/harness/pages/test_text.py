"""Strangers' text, whatever it holds, is bounded and shows all that it is."""

from hypothesis import given, strategies as st

from sightscale.harness.pages.text import escape_markdown, name_model, show_line, show_text

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
UNSEEN = {chr(code) for code in (*range(32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


@given(ANY, st.integers(1, 200))
def test_no_control_and_no_override_gets_through(text: str, limit: int) -> None:
    shown = show_text(text, limit)
    assert not (UNSEEN - {"\n", "\t"}) & set(shown)
    assert len(shown) <= 10 * limit + 40
    line = show_line(text, limit)
    assert not UNSEEN & set(line) and len(line) <= limit


@given(ANY)
def test_markdown_shows_text_as_it_is(text: str) -> None:
    shown = escape_markdown(text)
    assert "\n" not in shown and "<" not in shown and ">" not in shown
    unmarked = shown.replace("\\\\", "")
    for one in "|*_`[]~":
        assert unmarked.count(one) == unmarked.count(f"\\{one}")


def test_cut_text_says_how_much_is_missing() -> None:
    assert show_text("x" * 1_000_000, 10) == "x" * 10 + "… [999,990 more characters]"
    assert show_text(None) == "" and show_text(float("nan")) == ""
    assert show_text("a\x1b[31mb\u202ec\r\nd") == "a␛[31mb[U+202E]c\nd"


def test_models_have_short_names() -> None:
    assert name_model("decoupled:perception=org/vlm,reasoning=/models/llm,mode=thinking") == "org/vlm → llm thinking"
    assert name_model("/home/me/checkpoints/mine,dtype=float32") == "mine,dtype=float32"
    assert name_model("owner/name") == "owner/name" and name_model("lmms:qwen,a=/b") == "lmms:qwen,a=/b"
    assert len(name_model("x" * 5000)) <= 80
