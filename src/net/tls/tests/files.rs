//! Files: missing, broken, mismatched, rotated.

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{ServerName, UnixTime};

use super::*;

/// Version 1 of X.509, as `openssl x509 -req` makes it without an extension file.
const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBJjCBzQIUOzZH768g8wm0JEUA8BLHTI12+IAwCgYIKoZIzj0EAwIwFTETMBEG
A1UEAwwKdjEuZXhhbXBsZTAgFw0yNjExMjQxMTI1MDRaGA8yMTI2MTAzMTExMjUw
NFowFTETMBEGA1UEAwwKdjEuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABDOB+81DzIwkOaMOxX856+TbXhc8yO6NmxrzngbeVNB16CG1ev6huB77Zj0G
zPa8NatJU+7mkHscmSpB4pPvw3cwCgYIKoZIzj0EAwIDSAAwRQIhAIsGkyFg654N
ss8aboR1PoLmR1S14lK+51hOA0iYsWAbAiA23xQBkiAjDo+DBUxHoc54LtvhAJzJ
8gdCE36ndMgxlg==
-----END CERTIFICATE-----
";

fn error(options: &TlsOptions) -> String {
    Trust::default().client(options).unwrap_err()
}

#[test]
fn what_is_wrong_with_which_file_is_said() {
    let files = Files::new();
    let ca = Authority::new("ca");
    let pair = ca.leaf(&["client"]);
    let (cert, key) = (pair.certificate.pem(), pair.key.serialize_pem());
    let ca_error = |text: &[u8]| {
        let path = files.write("x.pem", text);
        let said = error(&TlsOptions { ca_file: Some(path.clone()), ..TlsOptions::default() });
        said.replace(path.to_str().unwrap(), "FILE")
    };
    assert_eq!(ca_error(b""), "FILE: holds no certificate in PEM");
    assert_eq!(ca_error(b"nonsense"), "FILE: holds no certificate in PEM");
    assert_eq!(ca_error(key.as_bytes()), "FILE: holds no certificate in PEM");
    let not_der = b"-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n";
    assert_eq!(ca_error(not_der), "FILE: holds no certificate that can be read");
    assert_eq!(ca_error(&vec![b'x'; 2 << 20]), "FILE: is larger than 1024 KiB");

    let key_error = |cert_text: &str, key_text: &str| {
        error(&TlsOptions {
            cert_file: Some(files.write("c.pem", cert_text)),
            key_file: Some(files.write("k.pem", key_text)),
            ..files.trusting(&ca.pem)
        })
        .replace(files.path().to_str().unwrap(), "DIR")
    };
    assert_eq!(key_error("", &key), "DIR/c.pem: holds no certificate in PEM");
    let no_key = "DIR/k.pem: holds no private key in PEM that is not encrypted";
    assert_eq!(key_error(&cert, ""), no_key);
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(key_error(&cert, &encrypted), no_key);
    let other = KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(key_error(&cert, &other), "DIR/k.pem does not belong to DIR/c.pem");
}

#[test]
fn what_is_no_file_is_said() {
    let files = Files::new();
    let ca = Authority::new("ca");
    let missing = files.path().join("missing.pem");
    let said = error(&TlsOptions { ca_file: Some(missing), ..TlsOptions::default() });
    assert!(said.contains("missing.pem: No such file"), "{said}");
    let directory = Some(files.path().to_owned());
    let said = error(&TlsOptions { ca_file: directory, ..TlsOptions::default() });
    assert!(said.ends_with("is no regular file"), "{said}");
    let cert_file = Some(files.write("c.pem", &ca.pem));
    let said = error(&TlsOptions { cert_file, ..files.trusting(&ca.pem) });
    assert_eq!(said, "cert_file is set without key_file");
    let key_file = Some(files.write("k.pem", "x"));
    let said = error(&TlsOptions { key_file, ..files.trusting(&ca.pem) });
    assert_eq!(said, "key_file is set without cert_file");
}

#[test]
fn a_client_certificate_that_only_old_programs_make_is_shown_all_the_same() {
    let files = Files::new();
    let options = TlsOptions {
        cert_file: Some(files.write("c.pem", VERSION_1)),
        key_file: Some(files.write("k.pem", KeyPair::generate().unwrap().serialize_pem())),
        ..files.trusting(&Authority::new("ca").pem)
    };
    assert!(Trust::default().client(&options).unwrap().means.has_key());
}

#[test]
fn a_server_certificate_without_room_for_names_misses_its_name() {
    let files = Files::new();
    let client = Trust::default().client(&files.trusting(&Authority::new("ca").pem)).unwrap();
    let (_, witness) = client.means.config().unwrap();
    let certificate = CertificateDer::from_pem_slice(VERSION_1.as_bytes()).unwrap();
    let name = ServerName::try_from("v1.example").unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
    witness.verify_server_cert(&certificate, &[], &name, &[], now).unwrap_err();
    assert_eq!(witness.facts().problems, [Problem::WrongName]);
    assert_eq!(witness.facts().certificate.unwrap().subject, "CN=v1.example");
}

#[test]
fn one_good_certificate_among_bad_ones_is_enough() {
    let files = Files::new();
    let bundle = [
        "a comment\n-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n",
        &Authority::new("ca").pem,
    ];
    assert!(Trust::default().client(&files.trusting(&bundle.concat())).is_ok());
}

#[test]
fn files_are_read_again_when_they_change_and_only_then() {
    let files = Files::new();
    let trust = Trust::default();
    let options = files.trusting(&Authority::new("first").pem);
    let first = trust.client(&options).unwrap();
    assert!(Arc::ptr_eq(&first.means, &trust.client(&options).unwrap().means));
    let named = TlsOptions { server_name: Some("a.example".to_owned()), ..options.clone() };
    assert!(Arc::ptr_eq(&first.means, &trust.client(&named).unwrap().means));

    let lenient = TlsOptions { insecure_skip_verify: true, ..options.clone() };
    assert!(!Arc::ptr_eq(&first.means, &trust.client(&lenient).unwrap().means));

    files.trusting(&Authority::new("the second one").pem);
    let second = trust.client(&options).unwrap();
    assert!(!Arc::ptr_eq(&first.means, &second.means));

    std::fs::remove_file(options.ca_file.as_ref().unwrap()).unwrap();
    assert!(trust.client(&options).is_err());
}
