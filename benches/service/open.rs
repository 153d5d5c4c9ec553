//! Opens a database with the services of the application.
use tenon::{
    app::App,
    config::Config,
    infra::{clock::Clock, db::Db},
};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Opens the SQLite database in the folder, or the database at `url` if it is not empty.
pub async fn open(folder: &str, url: String) -> Result<(App, Config), Failure> {
    let config = Config::read(&[
        ("data_dir", Some(folder.to_owned())),
        ("database_url", Some(url)),
        ("rate_limits", Some("off".to_owned())),
    ])?;
    let db = Db::open(&config.database_url()).await?;
    db.migrate().await?;
    let app = App::new(db, Clock::System, &config, tenon::api::operation_paths()).await?;
    Ok((app, config))
}
