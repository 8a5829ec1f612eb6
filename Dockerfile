# A bare node of RTMS: `rtms serve`. Needs RTMS_SECRET (openssl rand -hex 32) in its environment.
#   docker build -t rtms .
#   docker run --rm --init -p 7788:7788 -e RTMS_SECRET rtms
# As a node of a cluster it finds the others by RTMS_NATS, whose client is in the image: see deploy/.
FROM node:22-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.base.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
COPY web ./web
# The pages of the docs are made from these.
COPY docs ./docs
COPY deploy ./deploy
COPY README.md PROTOCOL.md CHANGELOG.md ./
RUN npm run build && npm prune --omit=dev --ignore-scripts \
  && npm install --omit=dev --no-save --save-prod --ignore-scripts @nats-io/transport-node

FROM node:22-slim
ENV NODE_ENV=production PORT=7788
WORKDIR /rtms
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
USER node
EXPOSE 7788
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# SIGTERM drains: clients are told to go elsewhere before the node ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]
