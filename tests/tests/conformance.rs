//! The conformance suite: every case on the reference engine first, then on Coracle.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use coracle_tests::cases::{self, Case};
use coracle_tests::daemon::Daemon;
use coracle_tests::docker;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::from_args();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let cases = cases::find(&directory)?;
    if docker::docker().is_none() {
        docker::skip("the conformance suite needs the docker CLI on PATH");
        return Ok(());
    }
    let reference = docker::reference().map(Arc::new);
    if reference.is_none() {
        docker::skip("no REFERENCE_HOST: the conformance cases are judged by their recorded expectations alone");
    }
    if std::env::var_os("CONFORMANCE_RECORD").is_some() {
        let reference = reference.context("CONFORMANCE_RECORD needs a REFERENCE_HOST to record from")?;
        return record(&cases, &reference, arguments.filter.as_deref().unwrap_or_default());
    }
    let daemon = Arc::new(Daemon::ephemeral()?);
    let trials = cases
        .into_iter()
        .map(|case| {
            let (daemon, reference) = (daemon.clone(), reference.clone());
            Trial::test(case.name.clone(), move || judge(&case, &daemon, reference.as_deref().map(String::as_str)))
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if conclusion.has_failed() {
        eprintln!("--- the daemon's log\n{}", daemon.log());
    }
    drop(daemon);
    conclusion.exit();
}

/// Writes the expectation of every case whose name contains `filter`.
fn record(cases: &[Case], reference: &str, filter: &str) -> anyhow::Result<()> {
    for case in cases.iter().filter(|case| case.name.contains(filter)) {
        case.record(&case.run(reference)?)?;
        println!("recorded {}", case.name);
    }
    Ok(())
}

fn judge(case: &Case, daemon: &Daemon, reference: Option<&str>) -> Result<(), Failed> {
    if let Some(reference) = reference {
        compare("the reference engine", &case.expected()?, &case.run(reference)?)?;
    }
    compare("Coracle", &case.expected()?, &case.run(&daemon.docker_host())?)
}

fn compare(who: &str, expected: &str, found: &str) -> Result<(), Failed> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{who} differs\n--- expected\n{expected}--- found\n{found}").into())
}
