use jiff::SignedDuration;

use super::*;

const PASSWORD: &str = "correct horse battery";

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn credentials(username: &str, password: &str) -> Credentials {
    Credentials { username: username.to_owned(), password: password.to_owned(), device: None }
}

fn owner(username: &str, password: &str) -> SetUp {
    SetUp { username: username.to_owned(), password: password.to_owned(), code: None }
}

async fn auth() -> (tempfile::TempDir, Auth) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("hearth.db")).await.unwrap();
    let codes = SetupCodes::new(folder.path());
    (folder, Auth::new(db, codes))
}

static HERE: Peer = Peer::LocalUser(String::new());

#[tokio::test]
async fn the_first_owner_is_made_once() {
    let (_folder, auth) = auth().await;
    assert!(!auth.is_set_up().await.unwrap());
    let first = auth.set_up(&HERE, owner("ada", PASSWORD), now());
    let second = auth.set_up(&HERE, owner("grace", PASSWORD), now());
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert!(auth.is_set_up().await.unwrap());
    let third = auth.set_up(&HERE, owner("eve", PASSWORD), now()).await;
    assert!(matches!(third, Err(Error::AlreadySetUp)), "{third:?}");
}

#[tokio::test]
async fn bad_names_and_passwords_are_refused_together() {
    let (_folder, auth) = auth().await;
    for (name, password, fields) in [
        ("", PASSWORD, vec!["username"]),
        ("a b", "short", vec!["username", "password"]),
        (&"a".repeat(33), PASSWORD, vec!["username"]),
        ("ada", "short", vec!["password"]),
    ] {
        let Err(Error::Fields(errors)) = auth.set_up(&HERE, owner(name, password), now()).await else {
            panic!("{name:?} with {password:?} was taken");
        };
        assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), fields);
    }
    assert!(!auth.is_set_up().await.unwrap());
}

#[tokio::test]
async fn a_wrong_name_reads_like_a_wrong_password() {
    let (_folder, auth) = auth().await;
    auth.set_up(&HERE, owner("ada", PASSWORD), now()).await.unwrap();
    for (name, password) in [("ada", "wrong password"), ("grace", PASSWORD), ("no such name!", PASSWORD)] {
        let refused = auth.sign_in(&HERE, credentials(name, password), now()).await;
        assert!(matches!(refused, Err(Error::WrongCredentials)), "{name}: {refused:?}");
    }
    auth.sign_in(&HERE, credentials("ADA", PASSWORD), now()).await.unwrap();
}

#[tokio::test]
async fn a_session_slides_until_its_absolute_end() {
    let (_folder, auth) = auth().await;
    let session = auth.set_up(&HERE, owner("ada", PASSWORD), now()).await.unwrap();
    let mut at = now();
    for _ in 0..6 {
        at += SignedDuration::from_hours(29 * 24);
        assert!(auth.session(session.token.clone(), at).await.unwrap().is_some(), "ended too early at {at}");
    }
    at += SignedDuration::from_hours(7 * 24);
    assert!(auth.session(session.token, at).await.unwrap().is_none(), "outlived its absolute end");

    let unused = auth.sign_in(&HERE, credentials("ada", PASSWORD), at).await.unwrap();
    at += SignedDuration::from_hours(31 * 24);
    assert!(auth.session(unused.token, at).await.unwrap().is_none(), "outlived a month without use");
}

#[tokio::test]
async fn a_new_password_signs_out_other_sessions() {
    let (_folder, auth) = auth().await;
    let here = auth.set_up(&HERE, owner("ada", PASSWORD), now()).await.unwrap();
    let there = auth.sign_in(&HERE, credentials("ada", PASSWORD), now()).await.unwrap();
    let change = |current: &str, new: &str| ChangePassword { current: current.into(), new: new.into() };

    let refused = auth.change_password(&HERE, &here, change("wrong password", "new password 1")).await;
    assert!(matches!(refused, Err(Error::WrongPassword)), "{refused:?}");
    let refused = auth.change_password(&HERE, &here, change(PASSWORD, "short")).await;
    assert!(matches!(refused, Err(Error::Fields(_))), "{refused:?}");
    assert!(auth.session(there.token.clone(), now()).await.unwrap().is_some());

    auth.change_password(&HERE, &here, change(PASSWORD, "new password 1")).await.unwrap();
    assert!(auth.session(there.token, now()).await.unwrap().is_none());
    assert!(auth.session(here.token.clone(), now()).await.unwrap().is_some());
    assert!(auth.sign_in(&HERE, credentials("ada", PASSWORD), now()).await.is_err());
    auth.sign_in(&HERE, credentials("ada", "new password 1"), now()).await.unwrap();

    auth.sign_out(&HERE, &here).await.unwrap();
    auth.sign_out(&HERE, &here).await.unwrap();
    assert!(auth.session(here.token, now()).await.unwrap().is_none());
}
