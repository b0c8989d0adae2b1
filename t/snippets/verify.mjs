// What jose (npm, not ours) says of tokens. argv: the address of the key set. Input and output: JSON, a line
// each; in: {token, issuer, audience, after: seconds from now}; out: {payload, header} or {error}.
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const keys = createRemoteJWKSet(new URL(process.argv[2]));

for await (const line of createInterface({ input: process.stdin })) {
    const { token, issuer, audience, after } = JSON.parse(line);
    const rules = {
        issuer, audience, algorithms: ['ES256'], typ: 'JWT', requiredClaims: ['sub', 'iat', 'exp'],
        currentDate: new Date(Date.now() + 1000 * (after ?? 0)),
    };
    try {
        const { payload, protectedHeader } = await jwtVerify(token, keys, rules);
        console.log(JSON.stringify({ payload, header: protectedHeader }));
    } catch (error) {
        console.log(JSON.stringify({ error: error.code ?? String(error), claim: error.claim }));
    }
}
