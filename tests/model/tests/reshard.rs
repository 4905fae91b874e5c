//! x
use ana_model::explore;
use ana_model::reshard::Reshard;
use ana_model::reshard::scopes::SCOPES;

#[test]
fn holds() {
    for scope in SCOPES {
        let t = std::time::SystemTime::now();
        let found = explore::all(Reshard::new(scope.clone()));
        println!("{}: {} states, {} steps, depth {} {:?}", scope.name, found.states, found.steps, found.depth, t.elapsed());
        for (name, way) in &found.broken { println!("{name}\n{way}"); }
    }
}
