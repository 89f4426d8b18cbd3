use super::*;
use crate::link::assertion::Comparison;

const QUICK: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_secs(2);

fn vector(values: &[f64]) -> Vector {
    let numbers = || values.iter().copied().filter(|value| !value.is_nan());
    Vector {
        series: values.len() as u64,
        value: values.first().copied(),
        lowest: numbers().reduce(f64::min),
        highest: numbers().reduce(f64::max),
        numberless: values.iter().any(|value| value.is_nan()),
        complete: true,
        ..Vector::default()
    }
}

fn told(answer: Expected, vector: &Vector) -> Told {
    answered(Condition { answer, ..Condition::default() }, vector, QUICK).0
}

#[test]
fn emptiness_and_values_are_judged() {
    use Comparison as C;
    let each = Expected::Each;
    let (holds, fails) = (Told::Holds, Told::Fails);
    for (answer, values, expected) in [
        (Expected::Some, &[][..], fails),
        (Expected::Some, &[0.0], holds),
        (Expected::Some, &[f64::NAN], holds),
        (Expected::None, &[], holds),
        (Expected::None, &[0.0], fails),
        (Expected::None, &[f64::NAN], fails),
        (each(C::AtLeast, 1.0), &[], fails),
        (each(C::AtLeast, 1.0), &[1.0, 2.0], holds),
        (each(C::AtLeast, 1.0), &[2.0, 0.5, 3.0], fails),
        (each(C::AtLeast, 1.0), &[2.0, f64::NAN], fails),
        (each(C::AtLeast, 1.0), &[f64::NAN], fails),
        (each(C::Above, 1.0), &[1.0], fails),
        (each(C::Above, 1.0), &[f64::INFINITY], holds),
        (each(C::Below, 1.0), &[1.0], fails),
        (each(C::Below, 1.0), &[-1.0, 0.9], holds),
        (each(C::AtMost, 1.0), &[1.0, 0.0], holds),
        (each(C::AtMost, 1.0), &[0.0, 1.5], fails),
        (each(C::Equal, 1.0), &[1.0, 1.0], holds),
        (each(C::Equal, 1.0), &[1.0, 0.0], fails),
        (each(C::Equal, 1.0), &[2.0, 1.0], fails),
    ] {
        assert_eq!(told(answer, &vector(values)), expected, "{answer:?} {values:?}");
    }
}

#[test]
fn an_optional_series_that_is_absent_says_nothing() {
    let one = Expected::Each(Comparison::Equal, 1.0);
    let holds = Condition { answer: one, optional: true, within: None };
    let told = |values: &[f64]| answered(holds, &vector(values), QUICK).0;
    assert_eq!(told(&[]), Told::Unknown(Cause::NoSeries));
    assert_eq!((told(&[1.0]), told(&[0.0])), (Told::Holds, Told::Fails));
    let partial = Vector { partial: true, ..vector(&[]) };
    assert_eq!(answered(holds, &partial, QUICK).0, Told::Unknown(Cause::PartialAnswer));
}

#[test]
fn a_scalar_is_an_answer() {
    let scalar = Vector { series: 0, ..vector(&[2.0]) };
    assert_eq!(told(Expected::Some, &scalar), Told::Holds);
    assert_eq!(told(Expected::None, &scalar), Told::Fails);
    assert_eq!(told(Expected::Each(Comparison::Above, 2.0), &scalar), Told::Fails);
}

#[test]
fn what_is_missing_from_an_answer_is_not_told() {
    let partial = Vector { partial: true, ..vector(&[]) };
    let missing = Told::Unknown(Cause::PartialAnswer);
    let above = Expected::Each(Comparison::Above, 1.0);
    for answer in [Expected::Some, Expected::None, above] {
        assert_eq!(told(answer, &partial), missing, "{answer:?}");
    }
    let cut = |values: &[f64]| Vector { complete: false, ..vector(values) };
    assert_eq!(told(above, &cut(&[2.0])), Told::Unknown(Cause::AnswerTooLarge));
    assert_eq!(told(above, &cut(&[2.0, 1.0])), Told::Fails);
    assert_eq!(told(Expected::Some, &cut(&[2.0])), Told::Holds);
}

#[test]
fn an_answer_comes_in_time_or_it_does_not() {
    let holds = Condition { within: Some(LATE), ..Condition::default() };
    let one = vector(&[1.0]);
    let just = LATE - Duration::from_nanos(1);
    assert_eq!(answered(holds, &one, just), (Told::Holds, "1 series".to_owned()));
    let late = "answered after 2.000 s, which is not within 2 s".to_owned();
    assert_eq!(answered(holds, &one, LATE), (Told::Fails, late));
    let empty = answered(holds, &vector(&[]), LATE);
    assert_eq!(empty, (Told::Fails, "the answer has no series".to_owned()));
}

#[test]
fn what_cannot_be_asked_is_not_failed_unless_its_time_is_over() {
    let (any, soon) =
        (Condition::default(), Condition { within: Some(LATE), ..Condition::default() });
    for cause in Cause::ALL.iter().copied() {
        let unknown = Told::Unknown(cause);
        let over = matches!(cause, Cause::NoResponse | Cause::QueryTimeout);
        assert_eq!(unanswered(any, cause, "", LATE).0, unknown, "{cause:?}");
        assert_eq!(unanswered(soon, cause, "", QUICK).0, unknown, "{cause:?}");
        let expected = if over { Told::Fails } else { unknown };
        assert_eq!(unanswered(soon, cause, "", LATE).0, expected, "{cause:?}");
    }
}

fn asserted(name: &str, told: Told) -> Asserted {
    let asked = Now::at(Duration::ZERO);
    Asserted { name: name.into(), told, says: "so".to_owned(), asked, took: QUICK }
}

#[test]
fn a_row_names_what_does_not_hold_first() {
    let all = [
        asserted("a", Told::Holds),
        asserted("b", Told::Unknown(Cause::QueryRejected)),
        asserted("c", Told::Fails),
        asserted("d", Told::Unknown(Cause::GatewayError)),
    ];
    let row = row(&all, Now::at(Duration::ZERO), Check::Query);
    assert_eq!(row.outcome, Outcome::Failed(Cause::AssertionFailed));
    assert_eq!(row.took, QUICK * 4);
    let lines = ["c: does not hold, so", "b: so", "d: so", "a: holds, so"];
    let lines = Fact::List(lines.map(str::to_owned).to_vec());
    assert_eq!(row.facts.get(Key::Assertions), Some(&lines));
    let found = row.findings.iter().map(|f| (f.cause, f.weight, f.subject.clone()));
    let named = |name: &str| Some(Subject::Assertion(name.into()));
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            (Cause::AssertionFailed, Weight::Notes, named("c")),
            (Cause::QueryRejected, Weight::Notes, named("b")),
        ]
    );
}

#[test]
fn a_row_without_an_answer_is_skipped() {
    let outcome = |all: &[Asserted]| row(all, Now::at(Duration::ZERO), Check::Query).outcome;
    let rejected = asserted("a", Told::Unknown(Cause::QueryRejected));
    let lost = asserted("b", Told::Unknown(Cause::NoResponse));
    let holds = asserted("c", Told::Holds);
    assert_eq!(outcome(&[]), Outcome::Skipped(Why::NoTime));
    assert_eq!(outcome(std::slice::from_ref(&rejected)), Outcome::Skipped(Why::Unsupported));
    let needs = Outcome::Skipped(Why::Needs(Check::Query));
    assert_eq!(outcome(&[rejected.clone(), lost]), needs);
    assert_eq!(outcome(&[rejected, holds]), Outcome::Passed);
}
