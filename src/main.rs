//! The binary: hands over to `cli` and returns its exit code.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(unstale::cli::main())
}
