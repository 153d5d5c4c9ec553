//! The commands `tenon geo check` and `tenon geo install`.
use std::{
    fs::{self, File},
    io::Write,
};

use flate2::{Compression, write::GzEncoder};

use crate::{
    commands::Sandbox,
    mmdb::{Shape, database},
};

const NETWORKS: &[(&str, &str)] = &[("2.0.0.0/12", "FR"), ("8.8.8.0/24", "US")];

impl Sandbox {
    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let file = self.0.join(name);
        fs::write(&file, bytes).expect("the file is written");
        file.display().to_string()
    }

    fn gzip(&self, name: &str, bytes: &[u8]) -> String {
        let file = self.0.join(name);
        let mut gzip = GzEncoder::new(File::create(&file).expect("a file"), Compression::fast());
        gzip.write_all(bytes).and_then(|()| gzip.try_finish()).expect("the file is written");
        file.display().to_string()
    }
}

#[api_test]
fn geo_check_prints_the_type_the_build_date_and_countries() {
    let sandbox = Sandbox::new();
    let valid = sandbox.file("good.mmdb", &database(Shape::Flat, NETWORKS));
    let output = sandbox.tenon(&["geo", "check", &valid]).succeeds().stdout;
    assert!(output.contains("type Test-Country\nbuilt 2026-11-21\nnodes "), "{output}");
    assert!(output.contains("countries 2\n8.8.8.8 US\n2.3.4.5 FR\n"), "{output}");
    let arguments = ["geo", "check", &valid, "--address", "10.0.0.1", "--address", "::ffff:2.3.4.5"];
    assert!(sandbox.tenon(&arguments).succeeds().stdout.ends_with("10.0.0.1 -\n::ffff:2.3.4.5 FR\n"));
    let variables = [("TENON_GEO_DATABASE", valid.as_str())];
    assert_eq!(sandbox.run(&variables, "", &["geo", "check"]).succeeds().stdout, output);

    let database_bytes = database(Shape::Long, NETWORKS);
    sandbox.tenon(&["geo", "check"]).fails(1, "country.mmdb does not exist: pass a file");
    sandbox.tenon(&["geo", "check", "nowhere.mmdb"]).fails(1, "nowhere.mmdb: No such file");
    sandbox.tenon(&["geo", "check", &valid, "--address", "here"]).fails(2, "invalid IP address");
    for (name, bytes, message) in [
        ("empty.mmdb", &[][..], "the file is damaged or not in MMDB format"),
        ("page.mmdb", b"<html></html>", "the file is damaged or not in MMDB format"),
        (
            "half.mmdb",
            &database_bytes[..database_bytes.len() / 2],
            "the file is damaged or not in MMDB format",
        ),
        (
            "asn.mmdb",
            &database(Shape::Other, NETWORKS),
            "the file contains no countries: its type is Test-Country",
        ),
    ] {
        sandbox.tenon(&["geo", "check", &sandbox.file(name, bytes)]).fails(1, message);
    }
    assert!(!sandbox.0.join("data").exists());
}

#[api_test]
fn geo_check_rejects_invalid_pointers() {
    let sandbox = Sandbox::new();
    let database_bytes = database(Shape::Long, NETWORKS);
    // Each record of the search tree points to the root, or beyond the end of the file.
    for (name, target) in [("loop.mmdb", [0; 4]), ("away.mmdb", [0xff; 4])] {
        let mut bytes = database_bytes.clone();
        bytes[4 * 8..4 * 16].chunks_mut(4).for_each(|pointer| pointer.copy_from_slice(&target));
        sandbox.tenon(&["geo", "check", &sandbox.file(name, &bytes)]).fails(1, "the file is damaged");
    }
}

#[api_test]
fn geo_install_replaces_the_database_atomically() {
    let sandbox = Sandbox::new();
    let (first, second) = (database(Shape::Flat, NETWORKS), database(Shape::Long, NETWORKS));
    let installed = sandbox.0.join("data/country.mmdb");
    let plain = sandbox.file("first.mmdb", &first);
    let output = sandbox.tenon(&["geo", "install", &plain]).succeeds().stdout;
    assert!(output.contains("not in use yet: set geo_database"), "{output}");
    assert_eq!(fs::read(&installed).expect("the file is readable"), first);
    let checked = sandbox.tenon(&["geo", "check"]).succeeds().stdout;
    assert!(checked.starts_with(&installed.display().to_string()), "{checked}");
    assert!(checked.contains("not in use yet: set geo_database"), "{checked}");
    let gzip = sandbox.gzip("second.mmdb.gz", &second);
    sandbox.tenon(&["geo", "install", &gzip]).succeeds();
    assert_eq!(fs::read(&installed).expect("the file is readable"), second);
    let damaged = sandbox.gzip("damaged.mmdb.gz", &first[..first.len() / 2]);
    let truncated = fs::read(&gzip).expect("the file is readable");
    let truncated = sandbox.file("cut.mmdb.gz", &truncated[..truncated.len() / 2]);
    for (file, message) in [(&damaged, "damaged"), (&truncated, "cannot be read")] {
        sandbox.tenon(&["geo", "install", file]).fails(1, message);
    }
    sandbox.tenon(&["geo", "install", "https://acme.test/country.mmdb"]).fails(1, "No such file");
    assert_eq!(fs::read(&installed).expect("the file is readable"), second);
    assert_eq!(
        fs::read_dir(sandbox.0.join("data")).expect("a folder").count(),
        1,
        "no temporary files are left"
    );

    let configured = sandbox.0.join("geo/country.mmdb").display().to_string();
    let variables = [("TENON_GEO_DATABASE", configured.as_str())];
    let output = sandbox.run(&variables, "", &["geo", "install", &plain]).succeeds().stdout;
    assert!(output.starts_with(&configured) && !output.contains("not in use"), "{output}");
    assert_eq!(fs::read(&configured).expect("the file is readable"), first);
}
