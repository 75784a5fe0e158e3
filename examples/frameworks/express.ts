import express from "express";
import { connect, put, QuorateError } from "quorate";

const q = await connect(["http://10.0.0.1:2379", "http://10.0.0.2:2379", "http://10.0.0.3:2379"]);
const app = express();

// Two requests for one invoice, at whatever instances: the second is told to come back, and nothing is paid twice.
app.post("/invoices/:id/pay", async (request, response) => {
  const { id = "" } = request.params;
  try {
    await using lock = await q.lock(`invoice/${id}`).tryAcquire({ timeoutMs: 2_000 });
    if (lock === null) {
      response.status(409).json({ error: "somebody else is paying it" });
      return;
    }
    const key = `invoice/${id}/paid`;
    const once = q.kv.if({ key, exists: false }).then(put(key, new Date().toISOString()));
    const { succeeded } = await q.guard(lock).commit(once);
    response.json({ paid: succeeded ? "now" : "before" });
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    // OUTCOME_UNKNOWN among them: the client asks again, and is told.
    response.status(503).json({ error: error.code });
  }
});

app.listen(8080);
