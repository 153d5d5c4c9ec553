//! Writes the client that progenitor generates, for `src/lib.rs` to include.
use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=openapi.json");
    let spec = serde_json::from_str(&fs::read_to_string("openapi.json")?)?;
    let tokens = progenitor::Generator::default().generate_tokens(&spec)?;
    // In lines: the compiler shows the whole line of an error.
    let text = tokens.to_string().replace(" ; ", " ;\n").replace(" } ", " }\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("client.rs"), text)?;
    Ok(())
}
