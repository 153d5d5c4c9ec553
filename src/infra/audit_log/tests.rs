use entity::user::{self, Role, Status};

use super::*;
use crate::domain::client_key::ClientKey;

fn user() -> user::Model {
    user::Model {
        id: Uuid::nil(),
        email: Some("ada@acme.test".to_owned()),
        name: "Ada Turner".to_owned(),
        bio: None,
        url: None,
        avatar_url: None,
        role: Role::Author,
        status: Status::Active,
        password_hash: Some("$argon2id$old".to_owned().into()),
        source: None,
        version: 1,
        created_at: 1,
        updated_at: 1,
    }
}

#[test]
fn changes_contain_roles_but_neither_texts_nor_secrets() {
    let before = user();
    let after = user::Model {
        name: "Ada King".to_owned(),
        role: Role::Admin,
        email: Some("ada.king@acme.test".to_owned()),
        password_hash: Some("$argon2id$new".to_owned().into()),
        version: 2,
        updated_at: 2,
        ..user()
    };
    let json = Changes::between(&before, &after).to_json();
    assert_eq!(
        json,
        r#"[{"field":"email","from":"ada@acme.test","to":"ada.king@acme.test"},{"field":"name"},"#.to_owned()
            + r#"{"field":"role","from":"author","to":"admin"},{"field":"password"}]"#
    );
    assert!(Changes::between(&before, &before).is_empty());
}

#[test]
fn changes_are_bounded() {
    let mut changes = Changes::default();
    changes.add("short", Some("a".repeat(100)), Some("b".repeat(101)));
    assert!(changes.to_json().contains("aaa") && !changes.to_json().contains("bbb"));
    for number in 0..100 {
        changes.add(format!("field{number}"), Some("c".repeat(100)), None);
    }
    let json = changes.to_json();
    assert!(json.len() <= 1000 && json.contains("field10") && !json.contains("ccc"), "{json}");
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
}

#[tokio::test]
async fn a_unit_of_work_has_the_origin_of_its_caller() {
    let address = || Origin::current().address().map(str::to_owned);
    assert_eq!(address(), None);
    let request = Origin::request(Some("203.0.113.0/24".to_owned()), ClientKey::Address(None), "one");
    let found = request.scope(async {
        let origin = Origin::current();
        tokio::spawn(origin.scope(async move { (address(), Origin::current().actor().kind) })).await
    });
    assert_eq!(
        found.await.unwrap(),
        (Some("203.0.113.0/24".to_owned()), entity::audit_entry::ActorKind::Anonymous)
    );
}
