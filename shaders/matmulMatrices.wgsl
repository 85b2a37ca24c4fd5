// The entry point of a product by subgroup matrices; all else is matmul.wgsl, whose own entry point the backend leaves out. A
// workgroup computes its tile in PARTS of PART_M x PART_N results, one for a subgroup. Where there are fewer subgroups than
// parts it takes several turns, where there are more the others help to stage. The backend puts sizes and functions at "tile"
// (bindings/backends/webgpu/variants/matrix-text.ts): `multiply` for a part, `store_result` for one of its matrices. Workgroups as for
// matmul.wgsl. Knows no size of a subgroup, and not whether `multiply` is the device's or a test's.

// Writes the matrices that every part has stored in `results`, at this place within their parts.
fn store_results(lane: i32, turn: i32, parts: i32, first: i32, row: i32, column: i32) {
  for (var i = lane; i < parts * RESULT_QUADS; i += THREADS) {
    let part = turn + i / RESULT_QUADS;
    let element = i % RESULT_QUADS * 4;
    let down = row + part / PARTS_ACROSS * PART_M + element / RESULT_N;
    let across = column + part % PARTS_ACROSS * PART_N + element % RESULT_N;
    let at = i * 4;
    store_quad(first, down, across, vec4<f32>(results[at], results[at + 1], results[at + 2], results[at + 3]));
  }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) invocation: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(num_subgroups) subgroups: u32,
// @insert members
) {
// @insert begin
  let lane = i32(invocation);
  let tile = i32(linear_workgroup(group, groups));
  if (tile >= tiles_of()) {
    return;
  }
  let place = place_of(tile);
  let first = place.matrix * parameters.m * parameters.n;
  for (var turn = 0; turn < PARTS; turn += i32(subgroups)) {
    let part = turn + i32(subgroup);
    let isBusy = part < PARTS;
    // Written out: not every driver clears a variable again that is declared in a loop.
    var sums = Sums();
    for (var k = place.begin; k < place.end; k += DEPTH) {
      stage_left(lane, place.baseA, place.row, k);
      stage_right(lane, place.baseB, k, place.column);
      workgroupBarrier();
      if (isBusy) {
        multiply(part, &sums);
      }
      workgroupBarrier();
    }
    let parts = min(PARTS - turn, i32(subgroups));
// @insert store
  }
}
