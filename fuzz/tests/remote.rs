//! Remote calls: what the fuzzing begins with runs to its end.

#[test]
fn scripts_of_calls_end() {
    (0..300).for_each(|number| rump_fuzz::remote::run(&rump_fuzz::remote::seed(number)));
}
