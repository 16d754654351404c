//! Swarm and plugins: a daemon that is in no swarm and has no plugins.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::{any, get, post};
use coracle_engine::{Engine, Error};

use crate::body::json;
use crate::error::Answer;

const NO_MANAGER: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

pub(super) fn routes() -> Router<Arc<Engine>> {
    let mut router = Router::new();
    for path in ["/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs"] {
        router = router.route(path, get(no_manager));
    }
    for path in ["/nodes", "/services", "/tasks", "/secrets", "/configs"] {
        router = router.route(&format!("{path}/{{*rest}}"), any(no_manager));
    }
    router
        .route("/swarm/unlockkey", get(no_manager))
        .route("/swarm/update", post(no_manager))
        .route("/swarm/unlock", post(no_manager))
        .route("/swarm/init", post(no_swarm))
        .route("/swarm/join", post(no_swarm))
        .route("/swarm/leave", post(leave))
        .route("/plugins", get(plugins))
        .route("/plugins/privileges", get(plugins))
        .route("/plugins/{name}/json", get(no_plugin))
        .route("/plugins/{name}/{verb}", post(no_plugin_verb))
        .route("/plugins/{name}", axum::routing::delete(no_plugin))
}

async fn no_manager() -> Answer {
    Err(Error::Unavailable(NO_MANAGER.into()).into())
}

async fn no_swarm() -> Answer {
    Err(Error::NotImplemented("swarm mode is not supported".into()).into())
}

async fn leave() -> Answer {
    Err(Error::Unavailable("This node is not part of a swarm".into()).into())
}

async fn plugins() -> Answer {
    json::<[(); 0]>(&[])
}

async fn no_plugin(Path(name): Path<String>) -> Answer {
    Err(Error::NotFound(format!("plugin {name:?} not found")).into())
}

async fn no_plugin_verb(Path((name, _)): Path<(String, String)>) -> Answer {
    Err(Error::NotFound(format!("plugin {name:?} not found")).into())
}
