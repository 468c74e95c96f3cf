//! The edge: hand the arguments over, turn the outcome into an exit code.

fn main() {
    let code = runbook_cli::main(std::env::args_os().collect());
    std::process::exit(code.into());
}
