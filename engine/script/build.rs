//! Runbooks and their words are embedded: when one changes, this crate is built again. The macro that embeds them does not say so.

fn main() {
    for folder in ["../../runbooks", "../../stdlib"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
