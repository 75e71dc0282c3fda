use hearth_model::api::apps::LogLine;
use hearth_model::api::store::StoreProgress;
use hearth_model::condition::Progress;
use hearth_model::event::Event;
use hearth_model::observed::EngineState;
use hearth_model::{AppId, AppStatus, Generation, StoreId};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Name of the events of a followed log.
pub(crate) const LOG_NAME: &str = "line";

/// Reads an event by its name; `None` when this dashboard does not know it.
///
/// It does the work of [`Event`]'s own tag: serde would first keep the value aside, with a second copy of the code that
/// reads each type in it, and that code is a good part of what a browser loads.
pub(crate) fn read(name: &str, data: &str) -> Option<Event> {
    #[derive(Deserialize)]
    struct App {
        app: Box<AppStatus>,
    }
    #[derive(Deserialize)]
    struct AppRemoved {
        id: AppId,
    }
    #[derive(Deserialize)]
    struct AppProgress {
        id: AppId,
        progress: Progress,
    }
    #[derive(Deserialize)]
    struct OfStore {
        id: StoreId,
        progress: StoreProgress,
    }
    #[derive(Deserialize)]
    struct Changed {
        generation: Generation,
    }
    #[derive(Deserialize)]
    struct Engine {
        engine: EngineState,
    }
    Some(match name {
        "app" => Event::App { app: json::<App>(data)?.app },
        "app_removed" => Event::AppRemoved { id: json::<AppRemoved>(data)?.id },
        "progress" => {
            let AppProgress { id, progress } = json(data)?;
            Event::Progress { id, progress }
        }
        "generation" => Event::Generation { generation: json::<Changed>(data)?.generation },
        "engine" => Event::Engine { engine: json::<Engine>(data)?.engine },
        "store" => Event::Store,
        "store_progress" => {
            let OfStore { id, progress } = json(data)?;
            Event::StoreProgress { id, progress }
        }
        "os" => Event::Os,
        "reload" => Event::Reload,
        _ => return None,
    })
}

/// Reads a line of a followed log.
pub(crate) fn read_line(data: &str) -> Option<LogLine> {
    json(data)
}

fn json<T: DeserializeOwned>(data: &str) -> Option<T> {
    crate::json::read(data).ok()
}

#[cfg(test)]
mod tests {
    use hearth_model::api::store::StorePhase;

    use super::*;

    /// Every name that the stream of [`Event`]s uses: those of the variants.
    const NAMES: [&str; 9] =
        ["app", "app_removed", "progress", "generation", "engine", "store", "store_progress", "os", "reload"];

    #[test]
    fn every_event_is_read_as_its_own_tag_would() {
        let id: AppId = "wordpress".parse().expect("valid");
        let app = serde_json::json!({
            "id": "wordpress", "name": "WordPress", "tagline": "", "icon": "", "store": "official", "package": "wordpress",
            "version": "6.7", "update": null, "state": "running", "reason": null, "progress": null, "services": [],
            "open": null, "ports": [], "default_login": null, "last_update": null, "generation": 1
        });
        let app: AppStatus = serde_json::from_value(app).expect("an app");
        let events: [Event; NAMES.len()] = [
            Event::App { app: Box::new(app) },
            Event::AppRemoved { id: id.clone() },
            Event::Progress { id, progress: Progress::default() },
            Event::Generation { generation: Generation(3) },
            Event::Engine { engine: EngineState::Unreachable { reason: "gone".into() } },
            Event::Store,
            Event::StoreProgress {
                id: "mine".parse().expect("valid"),
                progress: StoreProgress { phase: StorePhase::Fetching, bytes: 1, total: None },
            },
            Event::Os,
            Event::Reload,
        ];
        for (name, event) in NAMES.into_iter().zip(events) {
            let data = serde_json::to_value(&event).expect("plain data");
            assert_eq!(data["event"], name);
            assert_eq!(read(name, &data.to_string()), Some(event));
        }
        assert_eq!(read("later", "{}"), None);
        assert_eq!(read("app", "{}"), None);
    }
}
