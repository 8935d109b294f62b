// An OpenID provider on this machine that lets in whoever the test says, and a page of somebody who means ill.
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { createServer } from "node:http";

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function read(request) {
  return new Promise((resolve, reject) => {
    let text = "";
    request.on("data", (more) => (text += more));
    request.on("end", () => resolve(new URLSearchParams(text)));
    request.on("error", reject);
  });
}

/** Starts it. `person` are the claims of whoever logs in next; undefined: it says no. */
export async function provider({ client }) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const codes = new Map();
  const it = { person: undefined, logins: 0, target: "" };

  const idToken = ({ nonce, person }) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: it.url, aud: client, exp: now + 300, iat: now, nonce, ...person };
    const signed = `${part({ alg: "ES256", kid: "one" })}.${part(claims)}`;
    return `${signed}.${sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  };
  const tell = (answer, status, value) => answer.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  const routes = {
    "GET /.well-known/openid-configuration": (_, answer) =>
      tell(answer, 200, {
        issuer: it.url, authorization_endpoint: `${it.url}/authorize`, token_endpoint: `${it.url}/token`, jwks_uri: `${it.url}/keys`,
        id_token_signing_alg_values_supported: ["ES256"], code_challenge_methods_supported: ["S256"],
      }),
    "GET /keys": (_, answer) => tell(answer, 200, { keys: [{ ...createPublicKey(privateKey).export({ format: "jwk" }), kid: "one", alg: "ES256" }] }),
    "GET /authorize": (asked, answer) => {
      it.logins++;
      const back = new URL(asked.searchParams.get("redirect_uri"));
      back.searchParams.set("state", asked.searchParams.get("state"));
      if (it.person === undefined) {
        back.searchParams.set("error", "access_denied");
      } else {
        const code = randomBytes(16).toString("hex");
        codes.set(code, { nonce: asked.searchParams.get("nonce"), challenge: asked.searchParams.get("code_challenge"), person: it.person });
        back.searchParams.set("code", code);
      }
      answer.writeHead(303, { Location: back.href }).end();
    },
    "POST /token": async (_, answer, request) => {
      const form = await read(request);
      const given = codes.get(form.get("code"));
      codes.delete(form.get("code"));
      const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
      if (given === undefined || given.challenge !== challenge || form.get("client_id") !== client) return tell(answer, 400, { error: "invalid_grant" });
      return tell(answer, 200, { access_token: randomBytes(16).toString("hex"), token_type: "Bearer", id_token: idToken(given) });
    },
    "GET /prize": (_, answer) =>
      answer.writeHead(200, { "Content-Type": "text/html" }).end(`<form method="post" action="${it.target}"><button>Claim your prize</button></form>`),
  };
  const server = createServer((request, answer) => {
    const asked = new URL(request.url, it.url);
    const route = routes[`${request.method} ${asked.pathname}`];
    if (route === undefined) answer.writeHead(404).end();
    else void route(asked, answer, request);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  it.url = `http://127.0.0.1:${server.address().port}`;
  it.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return it;
}
