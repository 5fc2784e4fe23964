//! Remote calls: what the fuzzing begins with runs to its end.

#[test]
fn scripts_of_calls_end() {
    (0..300).for_each(|number| rump_fuzz::remote::run(&rump_fuzz::remote::seed(number)));
}

#[test]
fn whatever_a_client_sends_the_other_is_served() {
    (0..60).for_each(|number| rump_fuzz::served::run(&rump_fuzz::served::seed(number)));
}

#[test]
fn clients_may_end_anywhere() {
    let seed = rump_fuzz::served::seed(1);
    (0..seed.len()).step_by(7).for_each(|end| rump_fuzz::served::run(&seed[..end]));
}
