//! x
use ana_model::explore;
use ana_model::reshard::Reshard;
use ana_model::reshard::scopes::SCOPES;

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.split(' ').collect();
    (f[13].parse::<f64>().unwrap() + f[14].parse::<f64>().unwrap()) / 100.0
}

#[test]
fn holds() {
    for scope in SCOPES {
        let t = cpu();
        let found = explore::all(Reshard::new(scope.clone()));
        println!("{}: {} states, {} steps, depth {} {:.1} s", scope.name, found.states, found.steps, found.depth, cpu() - t);
        for (name, way) in &found.broken { println!("{name}\n{way}"); }
    }
}
