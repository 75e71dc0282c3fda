use hearth_model::Digest;
use hearth_model::package::Package;
use sqlx::{Row, Sqlite, Transaction};

use crate::db::Db;
use crate::error::{Error, Result, corrupt};

/// An icon as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icon {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub content_type: String,
}

/// Keeps a package; one that is kept already stays as it is.
pub(crate) async fn keep(
    tx: &mut Transaction<'_, Sqlite>,
    package: &Package,
    icon: Option<&Icon>,
) -> Result<Digest> {
    let digest = package.digest();
    let json = serde_json::to_string(package).map_err(|error| Error::Internal(error.to_string()))?;
    sqlx::query(
        "INSERT INTO packages (digest, package, icon, icon_type) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(digest.as_str())
    .bind(json)
    .bind(icon.map(|icon| icon.bytes.as_slice()))
    .bind(icon.map(|icon| icon.content_type.as_str()))
    .execute(&mut **tx)
    .await?;
    Ok(digest)
}

/// Returns a kept package.
pub(crate) async fn get(db: &Db, digest: &Digest) -> Result<Option<Package>> {
    let row = sqlx::query("SELECT package FROM packages WHERE digest = ?")
        .bind(digest.as_str())
        .fetch_optional(&db.reader)
        .await?;
    row.map(|row| {
        serde_json::from_str(row.get::<&str, _>("package")).map_err(|error| corrupt("a package", &error))
    })
    .transpose()
}

/// Tells whether a kept package has an icon.
pub(crate) async fn has_icon(db: &Db, digest: &Digest) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM packages WHERE digest = ? AND icon IS NOT NULL")
        .bind(digest.as_str())
        .fetch_optional(&db.reader)
        .await?;
    Ok(row.is_some())
}

/// Returns the icon of a kept package.
pub(crate) async fn icon(db: &Db, digest: &Digest) -> Result<Option<Icon>> {
    let row = sqlx::query("SELECT icon, icon_type FROM packages WHERE digest = ? AND icon IS NOT NULL")
        .bind(digest.as_str())
        .fetch_optional(&db.reader)
        .await?;
    Ok(row.map(|row| Icon { bytes: row.get("icon"), content_type: row.get("icon_type") }))
}
