import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonSyntaxException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A cloud for a test run: `kowloon up` as a process of its own, in a home of its own, on a free port. */
public final class Kowloon implements AutoCloseable {
    private static final Duration START = Duration.ofSeconds(60);
    private static final Gson GSON = new Gson();

    /** host:port. */
    public String endpoint;
    /** Of its administrator: account_id, access_key_id, access_key_secret, and the operator's admin_token. */
    public JsonObject keys;

    private final Path home;
    private final Process process;

    public Kowloon(String... options) throws Exception {
        home = Files.createTempDirectory("kowloon-");
        List<String> command = new ArrayList<>(List.of("kowloon", "up", "--engine", "paper", "--port", "0", "--quiet"));
        command.addAll(List.of(options));
        ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD);
        builder.redirectError(ProcessBuilder.Redirect.INHERIT).environment().put("KOWLOON_HOME", home.toString());
        process = builder.start();
        try {
            waitUntilItAnswers();
        } catch (Exception problem) {
            close();
            throw problem;
        }
    }

    private void waitUntilItAnswers() throws Exception {
        for (Instant deadline = Instant.now().plus(START); Instant.now().isBefore(deadline); Thread.sleep(20)) {
            if (!process.isAlive()) {
                throw new IOException("kowloon did not start: exit code " + process.exitValue());
            }
            JsonObject server = read("server.json");
            keys = server == null ? null : read("credentials.json");
            if (keys != null) {
                endpoint = server.get("endpoint").getAsString();
                return;
            }
        }
        throw new IOException("kowloon did not start within " + START.toSeconds() + " s");
    }

    private JsonObject read(String name) {
        try {
            return GSON.fromJson(Files.readString(home.resolve(name)), JsonObject.class);
        } catch (IOException | JsonSyntaxException notYet) {
            return null;
        }
    }

    public String key(String name) {
        return keys.get(name).getAsString();
    }

    /** An operator's own call: `admin("POST", "reset", "")`. */
    public String admin(String method, String path, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + endpoint + "/_kowloon/" + path))
            .header("Authorization", "Bearer " + key("admin_token"))
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() >= 400) {
            throw new IOException(answer.body());
        }
        return answer.body();
    }

    /** Ends the cloud and forgets what it kept. */
    @Override
    public void close() throws Exception {
        process.destroy();
        if (!process.waitFor(30, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
        try (Stream<Path> paths = Files.walk(home)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
