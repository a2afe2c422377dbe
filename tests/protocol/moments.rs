//! Moments, and which of two came first.

use unstale::protocol::{Makes, Moment, Verdict, judge};

use super::verdict::recipe;

#[test]
fn moments_are_read_and_written() {
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2026-11-22T14:03:47.123456789Z", Some(1_795_356_227)),
        ("2026-11-22T16:03:47.123+02:00", Some(1_795_356_227)),
        ("2024-02-29T23:59:59Z", Some(1_709_251_199)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("2026-13-22T14:03:47Z", None),
        ("2026-11-22T14:03:47", None),
    ] {
        assert_eq!(Moment::parse(text).map(Moment::whole), seconds, "{text}");
    }
    assert_eq!(Moment::seconds(1_795_356_227).rfc3339(), "2026-11-22T14:03:47Z");
    assert_eq!(Moment::seconds(1_709_251_199).compact(), "20240229T235959Z");
}

/// Within one second, too, what is later is later; and a file counts as changed at the latest moment that its stamp allows.
#[test]
fn parts_of_a_second_count() {
    let engine = |text: &str| Moment::parse(&format!("2026-11-22T14:03:47{text}Z")).expect("a moment");
    let file = |text: &str| Moment::of_file(1_795_356_227, &format!("2026-11-22 14:03:47{text} +0000"));
    assert!(
        engine("") < engine(".1")
            && engine(".123456788") < engine(".123456789")
            && engine(".9") > engine(".12")
    );
    assert!(file(".200000000") > engine(".2"), "the kernel's stamp may lie a tick behind");
    assert!(file(".200000000") < engine(".22"));
    assert_eq!(file(".999000000").whole(), 1_795_356_228);
    for unknown in ["", ".000000000"] {
        assert!(file(unknown) > engine(".99") && file(unknown).whole() == 1_795_356_227, "{unknown:?}");
    }
    let after = |tagged: &str, changed: &str| {
        let mut evidence = recipe(Makes::Image, 0, true);
        evidence.recipes[0].when = Some(file(changed));
        evidence.tagged.as_mut().expect("there is one").tagged = Some(engine(tagged));
        judge(&evidence).verdict
    };
    assert_eq!(after(".2", ".700000000"), Verdict::Inconclusive, "built, then changed, in one second");
    assert_eq!(after(".7", ".200000000"), Verdict::Verified, "changed, then built, in one second");
    assert_eq!(after(".7", ".000000000"), Verdict::Inconclusive, "which came first is not known");
}
