//! A database with the services on it.
use tenon::{
    app::App,
    config::Config,
    infra::{clock::Clock, db::Db},
};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The services over what is in this folder, or in the database at `url` if that is not empty.
pub async fn open(folder: &str, url: String) -> Result<(App, Config), Failure> {
    let config = Config::read(&[
        ("data_dir", Some(folder.to_owned())),
        ("database_url", Some(url)),
        ("rate_limits", Some("off".to_owned())),
    ])?;
    let db = Db::open(&config.database_url()).await?;
    db.migrate().await?;
    let app = App::new(db, Clock::System, &config).await?;
    Ok((app, config))
}
